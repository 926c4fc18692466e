"""What operators do with the blacklist, and what time does to it (S15, U11)."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from services.fraud.domain.blacklist import Draft, Kind, Listed
from services.fraud.service import Fraud
from services.fraud.store import blacklist
from shared import outbox
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


async def add_entry(fraud: Fraud, draft: Draft, *, by: str, keep: Kept) -> Listed:
    """List something. `keep` saves the answer in the same transaction. Raises AlreadyListed."""
    entry: UUID = new_uuid(at=fraud.clock.real_now())
    match = match_of(draft.kind, draft.value, fraud.settings.blind_index_key)
    async with fraud.database.transaction() as connection:
        listed = await blacklist.add(
            connection,
            draft,
            entry=entry,
            match=match,
            by=by,
            at=fraud.clock.now(),
            keys=fraud.settings.seal_keys,
        )
        await _tell(connection, fraud, "blacklist.entry_added", listed)
        await keep(connection, listed)
    logger.info("blacklist_entry_added", entry_id=listed.id, kind=listed.kind, by=by)
    return listed


async def remove_entry(fraud: Fraud, entry_id: str, *, by: str) -> None:
    """Take a live entry off the list. Raises NotFound."""
    async with fraud.database.transaction() as connection:
        removed = await blacklist.remove(connection, entry_id, by=by, at=fraud.clock.now())
        if removed is None:
            raise NotFound("blacklist entry")
        await outbox.publish(
            connection,
            "blacklist.entry_removed",
            entry_id,
            {"kind": removed.kind, "match": removed.match},
            at=fraud.clock.now(),
        )
    logger.info("blacklist_entry_removed", entry_id=entry_id, kind=removed.kind, by=by)


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


async def _tell(connection: Connection, fraud: Fraud, event: str, listed: Listed) -> None:
    expires_at = None if listed.expires_at is None else listed.expires_at.isoformat()
    data: dict[str, object] = {
        "kind": listed.kind,
        "match": listed.match,
        "source": listed.source,
        "expires_at": expires_at,
    }
    await outbox.publish(connection, event, listed.id, data, at=fraud.clock.now())
