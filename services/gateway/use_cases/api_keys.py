"""API keys: made, listed, changed, rotated and revoked (S1, C1, C2).

Making a first key needs a minimum of credits, a further one a credit; it takes none. The account's row is locked while
billing is asked, so that what billing answered holds for exactly one key.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.gateway.domain.account import AccountSuspended
from services.gateway.domain.api_key import SECRET_BYTES, NewKey, make_key
from services.gateway.domain.api_key_limits import KeyLimits, Limits
from services.gateway.domain.key_gate import NotEnoughForKey, check_key_gate, required_for_key
from services.gateway.domain.stored_key import ApiKey, TooManyKeys
from services.gateway.service import Gateway
from services.gateway.store import accounts, keys
from services.gateway.store.connection import Connection
from services.gateway.use_cases.changing import Answer, Keep, changing
from services.gateway.use_cases.key_metrics import ISSUED, KEY_ATTEMPTS, REFUSED, REFUSED_FOR_CREDIT
from shared import audit, changes, outbox
from shared.errors import DomainError, NotFound
from shared.ids import new_id
from shared.money import MILLICREDITS_PER_CREDIT


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a new key shall be, checked."""

    name: str
    scopes: tuple[str, ...]
    allowed_ips: tuple[str, ...]
    limits: KeyLimits
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class CreatedKey:
    """A key at the one moment when we know it. It has no repr."""

    key: ApiKey
    secret: NewKey


def default_limits(gateway: Gateway) -> KeyLimits:
    """What a new key gets (S2)."""
    return KeyLimits(most=Limits(gateway.settings.key_calls_per_minute, gateway.settings.key_calls_per_day))


async def create_key(gateway: Gateway, actor: audit.Actor, wish: KeyWish, *, keep: Keep[CreatedKey, Answer]) -> Answer:
    """Make a key for the actor's account, or raise NotEnoughForKey, TooManyKeys or BillingUnavailable."""
    try:
        made = await _created(gateway, actor, wish, keep=keep)
    except NotEnoughForKey:
        KEY_ATTEMPTS.add(REFUSED_FOR_CREDIT)
        raise
    except DomainError:
        KEY_ATTEMPTS.add(REFUSED)
        raise
    KEY_ATTEMPTS.add(ISSUED)
    return made


async def _created(gateway: Gateway, actor: audit.Actor, wish: KeyWish, *, keep: Keep[CreatedKey, Answer]) -> Answer:
    account_id = actor.account_id
    async with gateway.turns.of(account_id), changing(gateway) as connection:
        await _pass_gate(connection, gateway, account_id)
        at = gateway.clock.now()
        key = ApiKey(
            id=new_id("key", at=at),
            account_id=account_id,
            name=wish.name,
            prefix="",
            last4="",
            scopes=wish.scopes,
            allowed_ips=wish.allowed_ips,
            limits=wish.limits,
            created_at=at,
            expires_at=wish.expires_at,
            revoked_at=None,
            banned_until=None,
            rotated_from=None,
        )
        created = await _insert(connection, actor, key)
        return await keep(connection, created)


async def _pass_gate(connection: Connection, gateway: Gateway, account_id: str) -> None:
    """C1 and C2 under the lock of the account's row. That the first key was made stays true if it is revoked."""
    account = await accounts.get_locked(connection, gateway.vault, account_id)
    if account is None:
        raise NotFound("account")
    if account.identity.is_suspended:
        raise AccountSuspended
    await _check_room(connection, gateway, account_id)
    first_minimum = gateway.settings.min_credits_api_key * MILLICREDITS_PER_CREDIT
    required = required_for_key(had_a_key=account.first_key_at is not None, first_key_minimum=first_minimum)
    wallet = await gateway.wallets.get(account_id)
    check_key_gate(available=wallet.available, required=required)
    if account.first_key_at is None:
        at = gateway.clock.now()
        await accounts.update(connection, gateway.vault, account_id, {"first_key_at": at}, at=at)


async def _check_room(connection: Connection, gateway: Gateway, account_id: str) -> None:
    most = gateway.settings.key_max_per_account
    if await keys.count_live(connection, account_id, at=gateway.clock.real_now()) >= most:
        raise TooManyKeys(most)


async def _insert(connection: Connection, actor: audit.Actor, draft: ApiKey) -> CreatedKey:
    """Draw the key, keep its digest, and tell of it."""
    secret = make_key(os.urandom(SECRET_BYTES))
    key = replace(draft, prefix=secret.prefix, last4=secret.last4)
    await keys.insert(connection, key, secret.hash)
    await changes.note(connection, "key", key.id)
    facts: dict[str, object] = {"account_id": key.account_id, "rotated_from": key.rotated_from}
    await outbox.publish(connection, "key.created", key.id, facts, at=key.created_at)
    await audit.write(connection, actor, "key.created", key.id, {"rotated_from": key.rotated_from}, at=key.created_at)
    return CreatedKey(key, secret)


async def own_live_key(gateway: Gateway, account_id: str, key_id: str) -> ApiKey:
    """The account's live key, or NotFound: another's and a revoked one are not told apart from none."""
    async with gateway.database.transaction() as connection:
        return _owned(await keys.get(connection, key_id), account_id, at=gateway.clock.real_now())


async def check_own_key(gateway: Gateway, account_id: str, key_id: str) -> None:
    """NotFound where the key, live or ended, is not the account's."""
    async with gateway.database.transaction() as connection:
        key = await keys.get(connection, key_id)
    if key is None or key.account_id != account_id:
        raise NotFound("API key")


def _owned(key: ApiKey | None, account_id: str, *, at: datetime) -> ApiKey:
    if key is None or key.account_id != account_id or not key.is_live(at):
        raise NotFound("API key")
    return key


async def list_keys(gateway: Gateway, account_id: str, *, after: str | None, limit: int) -> list[ApiKey] | None:
    """Up to `limit` live keys, the oldest first; None where `after` is no key of the account's."""
    async with gateway.database.transaction() as connection:
        if after is not None:
            known = await keys.get(connection, after)
            if known is None or known.account_id != account_id:
                return None
        at = gateway.clock.real_now()
        return await keys.live_page(connection, account_id=account_id, after=after, limit=limit, at=at)


KeyChange = Callable[[ApiKey], Mapping[str, object]]
"""What to set, given the key under its lock: name, scopes, allowed_ips, limits. May raise Invalid."""


async def change_key(gateway: Gateway, actor: audit.Actor, key_id: str, change: KeyChange) -> ApiKey:
    """Change the actor's own key, everywhere within 1 s."""
    async with changing(gateway) as connection:
        found = await keys.get_locked(connection, key_id)
        key = _owned(found, actor.account_id, at=gateway.clock.real_now())
        return await apply_key_change(connection, gateway, actor, key, change(key))


async def apply_key_change(
    connection: Connection, gateway: Gateway, actor: audit.Actor, key: ApiKey, change: Mapping[str, object]
) -> ApiKey:
    """Write a change of a locked key, with its news and its line in the audit trail. None: nothing is written."""
    if not change:
        return key
    changed = await keys.update(connection, key.id, change)
    await changes.note(connection, "key", key.id)
    fields = {"fields": sorted(change)}
    await audit.write(connection, actor, "key.changed", key.id, fields, at=gateway.clock.now())
    return changed


async def rotate_key(
    gateway: Gateway, actor: audit.Actor, key_id: str, *, overlap_seconds: int, keep: Keep[CreatedKey, Answer]
) -> Answer:
    """A successor with the key's name, scopes, addresses and limits; the key itself ends after the overlap."""
    async with gateway.turns.of(actor.account_id), changing(gateway) as connection:
        now = gateway.clock.real_now()
        key = _owned(await keys.get_locked(connection, key_id), actor.account_id, at=now)
        if overlap_seconds == 0:
            await _revoke(connection, gateway, actor, key)
        else:
            await _check_room(connection, gateway, actor.account_id)
            ends_at = now + timedelta(seconds=overlap_seconds)
            sooner = ends_at if key.expires_at is None else min(ends_at, key.expires_at)
            await apply_key_change(connection, gateway, actor, key, {"expires_at": sooner})
        at = gateway.clock.now()
        draft = replace(key, id=new_id("key", at=at), created_at=at, rotated_from=key.id)
        return await keep(connection, await _insert(connection, actor, draft))


async def revoke_key(gateway: Gateway, actor: audit.Actor, key_id: str) -> None:
    """End the actor's own key: refused everywhere within 1 s."""
    async with changing(gateway) as connection:
        found = await keys.get_locked(connection, key_id)
        await _revoke(connection, gateway, actor, _owned(found, actor.account_id, at=gateway.clock.real_now()))


async def _revoke(connection: Connection, gateway: Gateway, actor: audit.Actor, key: ApiKey) -> None:
    await keys.update(connection, key.id, {"revoked_at": gateway.clock.real_now()})
    await changes.note(connection, "key", key.id)
    at = gateway.clock.now()
    await outbox.publish(connection, "key.revoked", key.id, {"account_id": key.account_id}, at=at)
    await audit.write(connection, actor, "key.revoked", key.id, at=at)
