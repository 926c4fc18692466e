"""The table `trait_uses`: written with an assessment (`assessments`), read with what is known (`backgrounds`)."""

from datetime import datetime

from sqlalchemy import text

from shared.db import Connection

PURGE_PAGE = 1_000


async def forget_addresses(connection: Connection, *, before: datetime) -> int:
    """Delete up to `PURGE_PAGE` uses of addresses that began before an instant, by `trait_uses_of_addresses`."""
    gone = await connection.execute(
        text(
            """
            DELETE FROM trait_uses WHERE (kind, match, account_id) IN (
                SELECT kind, match, account_id FROM trait_uses WHERE kind = 'ip' AND first_at < :before
                LIMIT :page FOR UPDATE SKIP LOCKED)
            """
        ),
        {"before": before, "page": PURGE_PAGE},
    )
    return gone.rowcount
