"""Many entries of the table `blacklist` at once. Whoever writes several takes `take_turns` first: two of them would
else wait for each other's entries for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.blacklist import ID_PREFIX, Draft, Entry, EntryId, Listed, kind_of
from services.fraud.store.blacklist import Keys, columns_of, listed
from shared.ids import encode

_LOCK = 0xB1AC


@dataclass(frozen=True, slots=True)
class Addition:
    """A draft with what it is compared by, and the id that it is to have."""

    draft: Draft
    match: str
    entry: UUID


async def take_turns(connection: AsyncConnection) -> None:
    """Wait until nobody else writes several entries, and keep others waiting until the transaction ends."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(current_schema()), :key)"), {"key": _LOCK})


async def add(
    connection: AsyncConnection, additions: Sequence[Addition], *, by: str, at: datetime, keys: Keys
) -> list[Listed]:
    """Insert those that no live entry matches, in two round trips; which. Expired ones make way."""
    await _retire_expired_twins(connection, additions, at=at)
    columns = [columns_of(each.draft, entry=each.entry, match=each.match, keys=keys) for each in additions]
    rows = await connection.execute(
        text(
            """
            INSERT INTO blacklist (id, kind, match, network, plain_value, sealed_value, reason, source, expires_at,
                                   created_at, created_by)
            SELECT id, kind, match, CAST(network AS cidr), plain, sealed, reason, source, expires_at, :at, :by
            FROM unnest(CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:match AS text[]), CAST(:network AS text[]),
                        CAST(:plain AS text[]), CAST(:sealed AS bytea[]), CAST(:reason AS text[]),
                        CAST(:source AS text[]), CAST(:expires_at AS timestamptz[]))
                 AS asked (id, kind, match, network, plain, sealed, reason, source, expires_at)
            ON CONFLICT (kind, match) WHERE removed_at IS NULL DO NOTHING
            RETURNING id
            """
        ),
        {**{name: [each[name] for each in columns] for name in columns[0]}, "at": at, "by": by},
    )
    added = {row.id for row in rows}
    return [listed(each.draft, entry=each.entry, match=each.match, at=at) for each in additions if each.entry in added]


async def end_sooner_ones(
    connection: AsyncConnection, additions: Sequence[Addition], *, by: str, at: datetime
) -> list[Entry]:
    """End the live entries that match one of these and would expire before it; which."""
    rows = await connection.execute(
        text(
            """
            UPDATE blacklist AS entry SET removed_at = :at, removed_by = :by
            FROM unnest(CAST(:kinds AS text[]), CAST(:matches AS text[]), CAST(:ends AS timestamptz[]))
                 AS asked (kind, match, expires_at)
            WHERE entry.kind = asked.kind AND entry.match = asked.match AND entry.removed_at IS NULL
              AND entry.expires_at > :at AND entry.expires_at < coalesce(asked.expires_at, 'infinity')
            RETURNING entry.id, entry.kind, entry.match, entry.expires_at
            """
        ),
        {**_asked(additions), "ends": [each.draft.expires_at for each in additions], "by": by, "at": at},
    )
    return [Entry(EntryId(encode(ID_PREFIX, row.id)), kind_of(row.kind), row.match, row.expires_at) for row in rows]


async def _retire_expired_twins(connection: AsyncConnection, additions: Sequence[Addition], *, at: datetime) -> None:
    await connection.execute(
        text(
            """
            UPDATE blacklist AS entry SET removed_at = entry.expires_at
            FROM unnest(CAST(:kinds AS text[]), CAST(:matches AS text[])) AS asked (kind, match)
            WHERE entry.kind = asked.kind AND entry.match = asked.match
              AND entry.removed_at IS NULL AND entry.expires_at <= :at
            """
        ),
        {**_asked(additions), "at": at},
    )


def _asked(additions: Sequence[Addition]) -> dict[str, list[str]]:
    return {"kinds": [each.draft.kind for each in additions], "matches": [each.match for each in additions]}
