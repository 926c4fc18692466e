"""The whole history of judged payments, for training. It is read in pages, each its own transaction."""

from collections.abc import Callable
from uuid import UUID

from services.fraud.domain.past_payment import PastPayment
from services.fraud.store import training_history
from shared.db import Database

PAGE = 5_000


async def past_payments(database: Database, heard: Callable[[int], None]) -> list[PastPayment]:
    """Every payment that was judged with an amount, in order of time; `heard` is told how many there are so far."""
    found: list[PastPayment] = []
    after: UUID | None = None
    while True:
        async with database.transaction() as connection:
            rows = await training_history.page(connection, after, limit=PAGE)
        found += [payment for _, payment in rows]
        heard(len(found))
        if len(rows) < PAGE:
            return sorted(found, key=lambda payment: payment.at)
        after = rows[-1][0]
