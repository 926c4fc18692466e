"""Reading the audit trail. Each line is written by the use case whose effect it tells of, in the same transaction."""

from services.licensing.service import Licensing
from shared import audit


async def read_audit(licensing: Licensing, *, after: str | None, limit: int) -> tuple[list[audit.Entry], bool]:
    """Up to `limit` lines before the id `after`, newest first, and whether it is one of them."""
    async with licensing.database.transaction() as connection:
        known = after is not None and await audit.exists(connection, after)
        return await audit.page(connection, after=after, limit=limit), known
