"""Booking money: once for each posting, inside a transaction that the caller owns."""

from datetime import datetime

from services.billing.domain.books.posting import MoneyPosting
from services.billing.store import money_entries
from shared.db import Connection


async def book(connection: Connection, posting: MoneyPosting, *, at: datetime) -> bool:
    """Append a posting (`at` is business time); False where it was booked before, or has nothing to book."""
    return bool(posting.lines) and await money_entries.insert(connection, posting, at=at)
