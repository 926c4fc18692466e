"""Billing's copy of fraud's blacklist. Its news keep the copy; read whole it is once a day and at each start, for what
was listed before there were news, or was told while billing was away for longer than news are kept."""

from services.billing.service import Billing
from services.billing.store import blacklist_copy
from shared.contracts.blacklist import LiveEntry

COPY_EVERY_SECONDS = 86_400.0
FORGET_EVERY_SECONDS = 3_600.0


async def copy_whole(billing: Billing) -> bool:
    """Replace the copy. The news wait meanwhile, so that what was removed before does not come back: what happens while
    it is read they tell afterwards. Raises FraudUnavailable."""
    async with billing.database.transaction() as connection:
        await blacklist_copy.have_news_wait(connection)
        entries: list[LiveEntry] = []
        after: str | None = None
        while True:
            page = await billing.fraud.blacklist(after=after)
            entries += page["data"]
            after = page["next"]
            if after is None:
                break
        await blacklist_copy.replace(connection, entries)
    return False


async def forget_expired(billing: Billing) -> bool:
    """Delete what bites nobody any more: fraud tells of no entry's end by time, which each bears itself."""
    async with billing.database.transaction() as connection:
        await blacklist_copy.forget_expired(connection, at=billing.clock.now())
    return False
