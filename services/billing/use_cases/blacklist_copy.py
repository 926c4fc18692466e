"""Tending billing's copy of the blacklist: fraud tells of no entry's end by time, which each bears itself."""

from services.billing.service import Billing
from services.billing.store import blacklist_copy

FORGET_EVERY_SECONDS = 3_600.0


async def forget_expired(billing: Billing) -> bool:
    """Delete what bites nobody any more."""
    async with billing.database.transaction() as connection:
        await blacklist_copy.forget_expired(connection, at=billing.clock.now())
    return False
