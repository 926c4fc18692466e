"""The table `blacklist_copy`: live entries of fraud's blacklist, for when fraud is away."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.blacklist import KINDS, Kind, Looks
from shared.contracts.blacklist import LiveEntry


async def add(
    connection: AsyncConnection, entry_id: str, *, kind: str, match: str, expires_at: datetime | None
) -> None:
    """An entry; told again, it says what it said last."""
    await connection.execute(
        text(
            "INSERT INTO blacklist_copy (entry_id, kind, match, expires_at) VALUES (:id, :kind, :match, :expires_at)"
            " ON CONFLICT (entry_id) DO UPDATE SET expires_at = excluded.expires_at"
        ),
        {"id": entry_id, "kind": kind, "match": match, "expires_at": expires_at},
    )


async def have_news_wait(connection: AsyncConnection) -> int:
    """Lock billing's place in fraud's news until the transaction ends; which it is."""
    await connection.execute(
        text(
            "INSERT INTO feed_cursors (producer, reader, position) VALUES ('fraud', 'billing', 0)"
            " ON CONFLICT DO NOTHING"
        )
    )
    place = text("SELECT position FROM feed_cursors WHERE producer = 'fraud' AND reader = 'billing' FOR UPDATE")
    return int(await connection.scalar(place))


async def replace(connection: AsyncConnection, entries: Sequence[LiveEntry]) -> None:
    """Have these entries and no others."""
    await connection.execute(text("DELETE FROM blacklist_copy"))
    await connection.execute(
        text(
            "INSERT INTO blacklist_copy (entry_id, kind, match, expires_at)"
            " SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:kinds AS text[]), CAST(:matches AS text[]),"
            " CAST(:ends AS timestamptz[]))"
        ),
        {
            "ids": [entry["id"] for entry in entries],
            "kinds": [entry["kind"] for entry in entries],
            "matches": [entry["match"] for entry in entries],
            "ends": [
                None if (end := entry["expires_at"]) is None else datetime.fromisoformat(end) for entry in entries
            ],
        },
    )


async def remove(connection: AsyncConnection, entry_id: str) -> None:
    await connection.execute(text("DELETE FROM blacklist_copy WHERE entry_id = :id"), {"id": entry_id})


async def forget_expired(connection: AsyncConnection, *, at: datetime) -> None:
    """Delete what bites nobody any more; `at` is business time."""
    await connection.execute(text("DELETE FROM blacklist_copy WHERE expires_at <= :at"), {"at": at})


async def biting(connection: AsyncConnection, looks: Looks, *, at: datetime) -> list[Kind]:
    """The kinds of live entries that match, in one order. Equality is served by `blacklist_copy_by_match`; networks,
    which are few, are all read."""
    found = await connection.execute(
        text(
            """
            SELECT DISTINCT kind FROM blacklist_copy
            WHERE (expires_at IS NULL OR expires_at > :at)
              AND ((kind, match) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:matches AS text[])))
                   OR CASE WHEN kind = 'network' THEN CAST(match AS cidr) >>= CAST(CAST(:address AS text) AS inet) END)
            """
        ),
        {
            "at": at,
            "kinds": list(looks.matches),
            "matches": list(looks.matches.values()),
            "address": looks.address,
        },
    )
    kinds = {row.kind for row in found}
    return [kind for kind in KINDS if kind in kinds]
