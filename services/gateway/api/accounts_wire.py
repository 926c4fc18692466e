"""Accounts and keys as the API says them."""

from datetime import datetime
from typing import Annotated

from typing_extensions import TypedDict

from services.gateway.domain.account import Account
from services.gateway.domain.stored_key import ApiKey
from services.gateway.use_cases.api_keys import CreatedKey
from services.gateway.use_cases.sessions import SignedIn
from shared.doors import MoneyView, one_of
from shared.money import Money

LIMIT_CURRENCY = "usd"


class AccountView(TypedDict):
    id: str
    email: str
    name: str | None
    country: str | None
    role: Annotated[str, one_of(("customer", "operator"))]
    tier: Annotated[str, one_of(("new", "verified", "enterprise"))]
    status: Annotated[str, one_of(("active", "suspended"))]
    email_verified: bool
    created_at: datetime


class AccountForOperatorsView(AccountView):
    """`credit_limit` is null where the tier's holds; `standing` while billing is away."""

    credit_limit: MoneyView | None
    standing: Annotated[str, one_of(("good", "negative_balance", "disputed"))] | None


class SignedInView(TypedDict):
    account: AccountView
    token: str
    expires_at: datetime


class LimitsView(TypedDict):
    """Calls; null: as many as one likes."""

    per_minute: int | None
    per_day: int | None


class ApiKeyView(TypedDict):
    """A key without the key. No `allowed_ips`: from everywhere."""

    id: str
    name: str
    prefix: str
    last4: str
    scopes: list[str]
    allowed_ips: list[str]
    limits: LimitsView
    created_at: datetime
    expires_at: datetime | None


class ApiKeyForOperatorsView(ApiKeyView):
    account_id: str


class CreatedApiKeyView(ApiKeyView):
    """The only answer that ever holds the key."""

    key: str


def account_out(account: Account) -> AccountView:
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


def account_for_operators(account: Account, standing: str | None) -> AccountForOperatorsView:
    """An account with what only operators see; `standing` is null while billing is away."""
    limit = account.identity.credit_limit_minor
    return {
        **account_out(account),
        "credit_limit": None if limit is None else Money(limit, LIMIT_CURRENCY),
        "standing": standing,
    }


def signed_in_out(signed_in: SignedIn) -> SignedInView:
    return {
        "account": account_out(signed_in.account),
        "token": signed_in.token,
        "expires_at": signed_in.expires_at,
    }


def key_out(key: ApiKey) -> ApiKeyView:
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


def key_for_operators(key: ApiKey) -> ApiKeyForOperatorsView:
    return {**key_out(key), "account_id": key.account_id}


def created_key_out(created: CreatedKey) -> CreatedApiKeyView:
    """A new key with the key itself: the only answer that ever holds it."""
    return {**key_out(created.key), "key": created.secret.text}
