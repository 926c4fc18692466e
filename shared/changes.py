"""What the processes' caches must forget: a row for each change, read by transaction id.

A row's `xid` is its transaction. A reader keeps the `xmin` of the snapshot it last read with: every transaction under
that had ended, so what it has not seen yet has an `xid` at or above it, however late it commits. Each schema that has
one owns its table `changes`; whoever calls here has that schema's connection.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import Database

MOST_PER_POLL = 10_000
_KEPT = "1 hour"
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """Something that caches hold by `ref` is another now. Kinds are the schema's own (its README names them)."""

    kind: str
    ref: str


@dataclass(frozen=True, slots=True)
class Poll:
    """`xmin` is where the next poll goes on; `too_many` says that more than `MOST_PER_POLL` changes stood there."""

    xmin: str
    changes: list[Change]
    too_many: bool


async def note(connection: AsyncConnection, kind: str, ref: str) -> None:
    """Write one change in its own transaction, so that both are seen together or not at all."""
    await connection.execute(text("INSERT INTO changes (kind, ref) VALUES (:kind, :ref)"), {"kind": kind, "ref": ref})


async def poll(database: Database, since: str | None) -> Poll:
    """The changes of transactions at or after `since` (an earlier poll's `xmin`); None asks for the position only.

    One statement, so that rows and `xmin` are of one snapshot. The index on xid serves it; nothing is locked. It is
    asked three times a second in each process, hence the raw pool.
    """
    pool = await database.asyncpg_pool()
    rows = await pool.fetch(
        """
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin, found.kind, found.ref
        FROM (SELECT 1) AS always
        LEFT JOIN (SELECT kind, ref FROM changes WHERE xid >= $1::text::xid8 LIMIT $2) AS found ON true
        """,
        since,
        MOST_PER_POLL + 1,
    )
    changes = [Change(row["kind"], row["ref"]) for row in rows if row["kind"] is not None]
    return Poll(rows[0]["xmin"], changes[:MOST_PER_POLL], len(changes) > MOST_PER_POLL)


async def forget_old(database: Database) -> bool:
    """Delete a page of changes that every process has long read; whether there may be more."""
    async with database.transaction() as connection:
        gone = await connection.execute(
            text(
                f"DELETE FROM changes WHERE id IN (SELECT id FROM changes"  # noqa: S608
                f" WHERE created_at < clock_timestamp() - interval '{_KEPT}' LIMIT {_PAGE})"
            )
        )
    return gone.rowcount == _PAGE
