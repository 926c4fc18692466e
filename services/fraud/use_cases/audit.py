"""Reading the audit trail. Each line is written by the use case whose effect it tells of, in the same transaction."""

from services.fraud.service import Fraud
from shared import audit


async def read_audit(fraud: Fraud, *, after: str | None, limit: int) -> tuple[list[audit.Entry], bool]:
    """Up to `limit` lines before the id `after`, newest first, and whether it is one of them."""
    async with fraud.database.transaction() as connection:
        known = after is not None and await audit.exists(connection, after)
        return await audit.page(connection, after=after, limit=limit), known
