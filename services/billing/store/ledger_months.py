"""The months that transfers, holds and usage records lie in."""

from services.billing.store.ledger_connection import Ledger


async def make_ahead(ledger: Ledger) -> int:
    """Make the partitions of the months around now where they lack; how many were made. The function is the owner's:
    this role can make no other table."""
    made: int = await ledger.fetchval("SELECT make_months()")
    return made
