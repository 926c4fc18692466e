"""What operators do with the blacklist, and what time does to it (S15, U11)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.fraud.domain.blacklist import DIGESTED, Draft, Entry, Kind, Listed, digest_of
from services.fraud.service import Fraud
from services.fraud.store import blacklist
from shared import audit, outbox
from shared.contracts.identity_hashes import domain_hash, email_hash
from shared.crypto import blind_index
from shared.db import Connection
from shared.errors import DomainError, NotFound
from shared.ids import new_uuid
from shared.telemetry import logger

Kept = Callable[[Connection, Listed], Awaitable[None]]


async def list_entries(fraud: Fraud, *, kind: Kind | None, after: str | None, limit: int) -> Sequence[Listed]:
    """Up to `limit` live entries, newest first. Raises `invalid_cursor`."""
    async with fraud.database.transaction() as connection:
        if after is not None and not await blacklist.is_known(connection, after):
            raise DomainError("invalid_cursor", "There is no entry with the id that `after` names.")
        now, keys = fraud.clock.now(), fraud.settings.seal_keys
        return await blacklist.page(connection, kind=kind, after=after, limit=limit, at=now, keys=keys)


async def add_entry(fraud: Fraud, actor: audit.Actor, draft: Draft, *, keep: Kept) -> Listed:
    """List something. `keep` saves the answer in the same transaction. Raises AlreadyListed."""
    entry: UUID = new_uuid(at=fraud.clock.real_now())
    match = match_of(draft.kind, draft.value, fraud.settings.blind_index_key)
    async with fraud.database.transaction() as connection:
        listed = await blacklist.add(
            connection,
            draft,
            entry=entry,
            match=match,
            by=actor.account_id,
            at=fraud.clock.now(),
            keys=fraud.settings.seal_keys,
        )
        await tell_added(connection, [listed], at=fraud.clock.now())
        await audit.write(connection, actor, "blacklist.added", listed.id, {"kind": listed.kind}, at=fraud.clock.now())
        await keep(connection, listed)
    logger.info("blacklist_entry_added", entry_id=listed.id, kind=listed.kind, by=actor.account_id)
    return listed


async def remove_entry(fraud: Fraud, actor: audit.Actor, entry_id: str) -> None:
    """Take a live entry off the list. Raises NotFound."""
    async with fraud.database.transaction() as connection:
        removed = await blacklist.remove(connection, entry_id, by=actor.account_id, at=fraud.clock.now())
        if removed is None:
            raise NotFound("blacklist entry")
        await tell_removed(connection, [removed], at=fraud.clock.now())
        await audit.write(
            connection, actor, "blacklist.removed", entry_id, {"kind": removed.kind}, at=fraud.clock.now()
        )
    logger.info("blacklist_entry_removed", entry_id=entry_id, kind=removed.kind, by=actor.account_id)


async def tend_blacklist(fraud: Fraud) -> bool:
    """Retire what has expired and delete what ended long ago; whether there may be more to delete."""
    now = fraud.clock.now()
    async with fraud.database.transaction() as connection:
        await blacklist.retire_expired(connection, at=now)
    async with fraud.database.transaction() as connection:
        oldest = now - timedelta(days=fraud.settings.blacklist_record_days)
        return await blacklist.purge(connection, ended_before=oldest) == blacklist.PURGE_PAGE


def match_of(kind: Kind, value: str, key: bytes) -> str:
    """What a payment is compared with: a digest where the value names a person (S16), else the value."""
    if kind in DIGESTED and (said := digest_of(value)) is not None:
        return said
    if kind == "email":
        return email_hash(value, key)
    if kind == "domain":
        return domain_hash(value, key)
    if kind == "ip":
        return ip_match(value, key)
    return value


def ip_match(address: str, key: bytes) -> str:
    """The digest of an address in its normal form."""
    return blind_index(f"ip:{address}", key)


async def tell_added(connection: Connection, entries: Sequence[Listed], *, at: datetime) -> None:
    """Publish `blacklist.entry_added` of each, in the transaction that adds them."""
    news = [(entry.id, _facts(entry)) for entry in entries]
    await outbox.publish_all(connection, "blacklist.entry_added", news, at=at)


async def tell_removed(connection: Connection, entries: Sequence[Entry], *, at: datetime) -> None:
    """The same of `blacklist.entry_removed`."""
    news: list[tuple[str, dict[str, object]]] = [
        (entry.id, {"kind": entry.kind, "match": entry.match}) for entry in entries
    ]
    await outbox.publish_all(connection, "blacklist.entry_removed", news, at=at)


def _facts(entry: Listed) -> dict[str, object]:
    expires_at = None if entry.expires_at is None else entry.expires_at.isoformat()
    return {"kind": entry.kind, "match": entry.match, "source": entry.source, "expires_at": expires_at}
