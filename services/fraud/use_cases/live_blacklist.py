"""The live blacklist for siblings' copies."""

from collections.abc import Sequence

from services.fraud.domain.blacklist import ID_PREFIX, Entry
from services.fraud.service import Fraud
from services.fraud.store import blacklist_pages
from shared.ids import decode


async def live_entries(fraud: Fraud, *, after: str | None, limit: int) -> Sequence[Entry]:
    """Up to `limit` live entries by id, beginning after `after`."""
    begin = None if after is None else decode(ID_PREFIX, after)
    async with fraud.database.transaction() as connection:
        return await blacklist_pages.live_page(connection, after=begin, limit=limit, at=fraud.clock.now())
