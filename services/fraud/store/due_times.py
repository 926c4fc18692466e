"""What falls due in fraud by itself, for the test clock: entries of the blacklist expire, cases their deadlines."""

from datetime import datetime

from shared.db import Database


async def next_due(database: Database, *, now: datetime) -> datetime | None:
    """The first instant after `now` (business time) at which an entry expires or an open case is overdue. By the
    indexes `blacklist_expiring` and `cases_waiting`."""
    pool = await database.asyncpg_pool()
    found: datetime | None = await pool.fetchval(
        """
        SELECT least(
            (SELECT min(expires_at) FROM blacklist WHERE removed_at IS NULL AND expires_at > $1),
            (SELECT min(due_at) FROM cases WHERE status = 'open' AND overdue_at IS NULL AND due_at > $1))
        """,
        now,
    )
    return found
