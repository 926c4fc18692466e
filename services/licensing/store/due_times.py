"""What waits to be done in licensing, for the test clock. Nothing falls due by itself: a license's verdict follows from
its row and the time, whenever it is asked for."""

from shared.db import Database


async def unsettled(database: Database) -> int:
    """How many mails wait to be handed over for the first time."""
    pool = await database.asyncpg_pool()
    found: int = await pool.fetchval("SELECT count(*) FROM mails WHERE state = 'waiting' AND last_error IS NULL")
    return found
