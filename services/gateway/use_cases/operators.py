"""What operators see and change: accounts, keys' limits; and how the first operator is made."""

import asyncio
from collections.abc import Mapping

from services.gateway.clients.billing_wallet import BillingUnavailable, Standing
from services.gateway.domain.account import Account, valid_email
from services.gateway.domain.api_key_limits import LimitsChange, set_by_operator
from services.gateway.domain.password import new_password
from services.gateway.domain.stored_key import ApiKey
from services.gateway.service import Gateway
from services.gateway.store import accounts, keys
from services.gateway.use_cases.api_keys import apply_key_change
from services.gateway.use_cases.changing import changing
from shared import audit, changes, outbox
from shared.errors import NotFound
from shared.ids import new_id


async def list_accounts(gateway: Gateway, *, after: str | None, limit: int) -> list[Account] | None:
    """Up to `limit` accounts, the oldest first; None where `after` is none."""
    async with gateway.database.transaction() as connection:
        if after is not None and await accounts.get(connection, gateway.vault, after) is None:
            return None
        return await accounts.page(connection, gateway.vault, after=after, limit=limit)


async def standing_of(gateway: Gateway, account_id: str) -> Standing | None:
    """How billing sees the account: `disputed` with an open or a lost dispute; None while billing is away."""
    try:
        return (await gateway.wallets.get(account_id)).standing
    except BillingUnavailable:
        return None


async def standings_of(gateway: Gateway, account_ids: list[str]) -> list[Standing | None]:
    """The standings of one page, asked at once."""
    return await asyncio.gather(*(standing_of(gateway, account_id) for account_id in account_ids))


async def change_account(
    gateway: Gateway, actor: audit.Actor, account_id: str, change: Mapping[str, object]
) -> Account:
    """Set tier, status, credit_limit_minor or some of them; known everywhere within 1 s. A tier that was set is not
    changed by time any more."""
    at = gateway.clock.now()
    async with changing(gateway) as connection:
        account = await accounts.get_locked(connection, gateway.vault, account_id)
        if account is None:
            raise NotFound("account")
        if not change:
            return account
        settled = {"tier_is_set": True} if "tier" in change else {}
        account = await accounts.update(connection, gateway.vault, account_id, {**change, **settled}, at=at)
        await changes.note(connection, "account", account_id)
        await outbox.publish(connection, "account.updated", account_id, dict(change), at=at)
        await audit.write(connection, actor, "account.changed", account_id, change, at=at)
    return account


async def list_all_keys(
    gateway: Gateway, *, account_id: str | None, after: str | None, limit: int
) -> list[ApiKey] | None:
    """Live keys of one account or of all, the oldest first; None where `after` is no key."""
    async with gateway.database.transaction() as connection:
        if after is not None and await keys.get(connection, after) is None:
            return None
        at = gateway.clock.real_now()
        return await keys.live_page(connection, account_id=account_id, after=after, limit=limit, at=at)


async def live_key(gateway: Gateway, key_id: str) -> ApiKey:
    """Anybody's live key, or NotFound."""
    async with gateway.database.transaction() as connection:
        return _live(await keys.get(connection, key_id), gateway)


def _live(key: ApiKey | None, gateway: Gateway) -> ApiKey:
    if key is None or not key.is_live(gateway.clock.real_now()):
        raise NotFound("API key")
    return key


async def set_key_limits(gateway: Gateway, actor: audit.Actor, key_id: str, change: LimitsChange) -> ApiKey:
    """Raise, lower or lift a key's limits; the customer's own give way. They hold within 1 s."""
    async with changing(gateway) as connection:
        key = _live(await keys.get_locked(connection, key_id), gateway)
        limits = set_by_operator(key.limits, change)
        return await apply_key_change(connection, gateway, actor, key, {"limits": limits} if change.names else {})


async def ensure_operator(gateway: Gateway, *, email: str, password: str) -> Account:
    """Make the operator, or make the address's account one with this password. The same again changes nothing."""
    address, normal = valid_email(email), new_password(password)
    async with gateway.database.transaction() as connection:
        found = await accounts.find_for_sign_in(connection, gateway.vault, address)
    async with gateway.passwords.worker() as worker:
        same = found is not None and await worker.matches(found[1], normal)
        password_hash = found[1] if found and same else await worker.hash(normal)
    if found is None:
        return await _new_operator(gateway, address, password_hash)
    return await _made_operator(gateway, found[0], password_hash)


async def _new_operator(gateway: Gateway, email: str, password_hash: str) -> Account:
    at = gateway.clock.now()
    new = accounts.NewAccount(
        id=new_id("acct", at=at),
        email=email,
        name="Operator",
        country=None,
        password_hash=password_hash,
        role="operator",
        at=at,
    )
    async with gateway.database.transaction() as connection:
        account = await accounts.insert(connection, gateway.vault, new)
        await outbox.publish(connection, "account.registered", new.id, {"tier": "new", "country": None}, at=at)
        await audit.write(connection, audit.Actor("system"), "operator.created", new.id, at=at)
    return account


async def _made_operator(gateway: Gateway, account_id: str, password_hash: str) -> Account:
    at = gateway.clock.now()
    change = {"role": "operator", "status": "active", "password_hash": password_hash}
    async with changing(gateway) as connection:
        account = await accounts.update(connection, gateway.vault, account_id, change, at=at)
        await changes.note(connection, "account", account_id)
        await audit.write(connection, audit.Actor("system"), "operator.ensured", account_id, at=at)
    return account
