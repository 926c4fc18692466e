"""Billing's copy of fraud's blacklist. Its news keep the copy; read whole it is once a day and at each start, for what
was listed before there were news, or was told while billing was away for longer than news are kept."""

from services.billing.service import Billing
from services.billing.store import blacklist_copy
from shared.contracts.blacklist import LiveEntry

COPY_EVERY_SECONDS = 86_400.0
FORGET_EVERY_SECONDS = 3_600.0


async def copy_whole(billing: Billing) -> bool:
    """Replace the copy; whether it is to be read anew, since news came meanwhile. So nothing that was removed comes
    back: what happens while it is read they tell afterwards. No transaction waits for fraud. Raises
    FraudUnavailable."""
    async with billing.database.transaction() as connection:
        place = await blacklist_copy.have_news_wait(connection)
    entries = await _read(billing)
    async with billing.database.transaction() as connection:
        if await blacklist_copy.have_news_wait(connection) != place:
            return True
        await blacklist_copy.replace(connection, entries)
    return False


async def _read(billing: Billing) -> list[LiveEntry]:
    entries: list[LiveEntry] = []
    after: str | None = None
    while True:
        page = await billing.fraud.blacklist(after=after)
        entries += page["data"]
        after = page["next"]
        if after is None:
            return entries


async def forget_expired(billing: Billing) -> bool:
    """Delete what bites nobody any more: fraud tells of no entry's end by time, which each bears itself."""
    async with billing.database.transaction() as connection:
        await blacklist_copy.forget_expired(connection, at=billing.clock.now())
    return False
