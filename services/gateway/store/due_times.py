"""What waits to be done in the gateway, for the test clock. By business time only accounts come to be verified
(`paid_payments`): mails, sessions, keys and bans keep real time."""

from shared.db import Database


async def unsettled(database: Database) -> int:
    """How many mails wait to be sent for the first time."""
    pool = await database.asyncpg_pool()
    found: int = await pool.fetchval("SELECT count(*) FROM mail_outbox WHERE last_error IS NULL")
    return found
