"""The table `blacklist_copy`: live entries of fraud's blacklist, for when fraud is away."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.blacklist import KINDS, Kind, Looks


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
