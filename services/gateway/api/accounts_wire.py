"""Accounts and keys as the API says them."""

from services.gateway.domain.account import Account
from services.gateway.domain.stored_key import ApiKey
from services.gateway.use_cases.api_keys import CreatedKey
from services.gateway.use_cases.sessions import SignedIn
from shared.money import Money

LIMIT_CURRENCY = "usd"


def account_out(account: Account) -> dict[str, object]:
    """An account, for its owner."""
    identity = account.identity
    return {
        "id": identity.account_id,
        "email": account.email,
        "name": account.name,
        "country": account.country,
        "role": identity.role,
        "tier": identity.tier,
        "status": identity.status,
        "email_verified": account.email_verified_at is not None,
        "created_at": account.created_at,
    }


def account_for_operators(account: Account, standing: str | None) -> dict[str, object]:
    """An account with what only operators see; `standing` is null while billing is away."""
    limit = account.identity.credit_limit_minor
    return {
        **account_out(account),
        "credit_limit": None if limit is None else Money(limit, LIMIT_CURRENCY),
        "standing": standing,
    }


def signed_in_out(signed_in: SignedIn) -> dict[str, object]:
    return {
        "account": account_out(signed_in.account),
        "token": signed_in.token,
        "expires_at": signed_in.expires_at,
    }


def key_out(key: ApiKey) -> dict[str, object]:
    """A key for its owner, without the key."""
    limits = key.limits.effective
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "last4": key.last4,
        "scopes": list(key.scopes),
        "allowed_ips": list(key.allowed_ips),
        "limits": {"per_minute": limits.per_minute, "per_day": limits.per_day},
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def key_for_operators(key: ApiKey) -> dict[str, object]:
    return {**key_out(key), "account_id": key.account_id}


def created_key_out(created: CreatedKey) -> dict[str, object]:
    """A new key with the key itself: the only answer that ever holds it."""
    return {**key_out(created.key), "key": created.secret.text}
