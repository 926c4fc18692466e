"""What falls due in fraud by itself, for the test clock: entries of the blacklist expire."""

from datetime import datetime

from shared.db import Database


async def next_due(database: Database, *, now: datetime) -> datetime | None:
    """The first instant after `now` (business time) at which an entry expires."""
    pool = await database.asyncpg_pool()
    found: datetime | None = await pool.fetchval(
        "SELECT min(expires_at) FROM blacklist WHERE removed_at IS NULL AND expires_at > $1", now
    )
    return found
