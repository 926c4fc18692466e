"""The table `blacklist`: live entries by what they match, and the record of those that ended."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.blacklist import (
    DIGESTED,
    ID_PREFIX,
    AlreadyListed,
    Draft,
    Entry,
    EntryId,
    Kind,
    Listed,
    Traits,
    kind_of,
)
from shared.crypto import seal, unseal
from shared.ids import decode, encode

Keys = Mapping[int, bytes]
PURGE_PAGE = 1_000


def _context(entry: UUID) -> str:
    return f"fraud.blacklist.value:{entry}"


async def candidates(connection: AsyncConnection, traits: Traits, *, at: datetime) -> list[Entry]:
    """The live entries that may concern a payment, in one round trip.

    Equal matches come by the unique index `blacklist_live`, networks by the GiST index `blacklist_live_networks`;
    each half of the union has its own. Locks nothing.
    """
    matches = traits.matches()
    rows = await connection.execute(
        text(
            """
            SELECT entry.id, entry.kind, entry.match, entry.expires_at
            FROM unnest(CAST(:kinds AS text[]), CAST(:matches AS text[])) AS asked (kind, match)
            JOIN blacklist AS entry ON entry.kind = asked.kind AND entry.match = asked.match
            WHERE entry.removed_at IS NULL AND (entry.expires_at IS NULL OR entry.expires_at > :at)
            UNION ALL
            SELECT id, kind, match, expires_at FROM blacklist
            WHERE network >>= CAST(CAST(:ip AS text) AS inet)
              AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > :at)
            """
        ),
        {
            "kinds": list(matches),
            "matches": list(matches.values()),
            "ip": None if traits.ip is None else str(traits.ip),
            "at": at,
        },
    )
    return [Entry(EntryId(encode(ID_PREFIX, row.id)), kind_of(row.kind), row.match, row.expires_at) for row in rows]


async def add(
    connection: AsyncConnection, draft: Draft, *, entry: UUID, match: str, by: str, at: datetime, keys: Keys
) -> Listed:
    """Insert an entry. Raises AlreadyListed where a live one matches the same; an expired one makes way."""
    await _retire_expired_twin(connection, draft.kind, match, at)
    result = await connection.execute(
        text(
            """
            INSERT INTO blacklist (id, kind, match, network, plain_value, sealed_value, reason, source, expires_at,
                                   created_at, created_by)
            VALUES (:id, :kind, :match, CAST(CAST(:network AS text) AS cidr), :plain, :sealed, :reason, :source,
                    :expires_at, :at, :by)
            ON CONFLICT (kind, match) WHERE removed_at IS NULL DO NOTHING
            """
        ),
        {**columns_of(draft, entry=entry, match=match, keys=keys), "at": at, "by": by},
    )
    if result.rowcount == 0:
        raise AlreadyListed
    return listed(draft, entry=entry, match=match, at=at)


def columns_of(draft: Draft, *, entry: UUID, match: str, keys: Keys) -> dict[str, Any]:
    """What an entry's row says of its draft; a value that names a person is sealed."""
    is_digested = draft.kind in DIGESTED
    return {
        "id": entry,
        "kind": draft.kind,
        "match": match,
        "network": draft.value if draft.kind == "network" else None,
        "plain": None if is_digested else draft.value,
        "sealed": seal(draft.value.encode(), keys, _context(entry)) if is_digested else None,
        "reason": draft.reason,
        "source": draft.source,
        "expires_at": draft.expires_at,
    }


def listed(draft: Draft, *, entry: UUID, match: str, at: datetime) -> Listed:
    """An entry that was made just now, as operators see it."""
    return Listed(
        id=EntryId(encode(ID_PREFIX, entry)),
        kind=draft.kind,
        match=match,
        value=draft.value,
        reason=draft.reason,
        source=draft.source,
        expires_at=draft.expires_at,
        created_at=at,
    )


async def _retire_expired_twin(connection: AsyncConnection, kind: Kind, match: str, at: datetime) -> None:
    await connection.execute(
        text(
            "UPDATE blacklist SET removed_at = expires_at"
            " WHERE kind = :kind AND match = :match AND removed_at IS NULL AND expires_at <= :at"
        ),
        {"kind": kind, "match": match, "at": at},
    )


async def remove(connection: AsyncConnection, entry_id: str, *, by: str, at: datetime) -> Entry | None:
    """End a live entry; None where there is none of that id. Of two removals at once one finds it."""
    entry = decode(ID_PREFIX, entry_id)
    if entry is None:
        return None
    row = (
        await connection.execute(
            text(
                "UPDATE blacklist SET removed_at = :at, removed_by = :by"
                " WHERE id = :id AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > :at)"
                " RETURNING kind, match, expires_at"
            ),
            {"id": entry, "at": at, "by": by},
        )
    ).first()
    return None if row is None else Entry(EntryId(entry_id), kind_of(row.kind), row.match, row.expires_at)


async def is_known(connection: AsyncConnection, entry_id: str) -> bool:
    """Whether such an entry is or was on record: what a page may begin after."""
    entry = decode(ID_PREFIX, entry_id)
    found = await connection.scalar(text("SELECT true FROM blacklist WHERE id = :id"), {"id": entry})
    return found is not None


async def page(
    connection: AsyncConnection, *, kind: Kind | None, after: str | None, limit: int, at: datetime, keys: Keys
) -> list[Listed]:
    """Live entries, newest first, by the primary key."""
    rows = await connection.execute(
        text(
            """
            SELECT id, kind, match, plain_value, sealed_value, reason, source, expires_at, created_at
            FROM blacklist
            WHERE removed_at IS NULL AND (expires_at IS NULL OR expires_at > :at)
              AND (CAST(:kind AS text) IS NULL OR kind = :kind)
              AND (CAST(:after AS uuid) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :limit
            """
        ),
        {"at": at, "kind": kind, "after": decode(ID_PREFIX, after) if after else None, "limit": limit},
    )
    return [_listed(row, keys) for row in rows.mappings()]


def _listed(row: RowMapping, keys: Keys) -> Listed:
    sealed = row["sealed_value"]
    value = row["plain_value"] if sealed is None else unseal(sealed, keys, _context(row["id"])).decode()
    return Listed(
        id=EntryId(encode(ID_PREFIX, row["id"])),
        kind=kind_of(row["kind"]),
        match=row["match"],
        value=value,
        reason=row["reason"],
        source=row["source"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )


async def retire_expired(connection: AsyncConnection, *, at: datetime) -> int:
    """Mark entries that have expired as ended then; how many."""
    result = await connection.execute(
        text("UPDATE blacklist SET removed_at = expires_at WHERE removed_at IS NULL AND expires_at <= :at"),
        {"at": at},
    )
    return result.rowcount


async def purge(connection: AsyncConnection, *, ended_before: datetime) -> int:
    """Delete up to `PURGE_PAGE` entries that ended before an instant; how many."""
    result = await connection.execute(
        text(
            "DELETE FROM blacklist WHERE id IN"
            " (SELECT id FROM blacklist WHERE removed_at < :before LIMIT :page FOR UPDATE SKIP LOCKED)"
        ),
        {"before": ended_before, "page": PURGE_PAGE},
    )
    return result.rowcount
