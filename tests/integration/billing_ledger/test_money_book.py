"""The money book's table: booked once, whole, balanced, and never changed."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.billing.domain.books.posting import MoneyKind, MoneyPosting, posting_of
from services.billing.store import money_entries
from services.billing.use_cases.bookkeeping import book
from shared.db import Database

AT = datetime(2026, 3, 1, tzinfo=UTC)
IN_TWO_LINES = posting_of(MoneyKind.STRIPE, "txn_1", [("stripe_balance", "usd", 970), ("suspense", "usd", -970)])
IN_THREE_LINES = posting_of(
    MoneyKind.STRIPE,
    "txn_1",
    [("stripe_balance", "usd", 970), ("stripe_fees", "usd", 30), ("receivables", "usd", -1000)],
)


async def booked(database: Database, posting: MoneyPosting) -> bool:
    async with database.transaction() as connection:
        return await book(connection, posting, at=AT)


async def test_a_posting_is_booked_once_even_by_two_who_book_other_lines_at_once(billing_db: Database) -> None:
    results = await asyncio.gather(*(booked(billing_db, posting) for posting in [IN_TWO_LINES, IN_THREE_LINES] * 3))
    assert sorted(results) == [False] * 5 + [True]
    async with billing_db.transaction() as connection:
        lines = await money_entries.lines_of(connection, "txn_1", [MoneyKind.STRIPE])
    assert tuple(lines) in {IN_TWO_LINES.lines, IN_THREE_LINES.lines}


async def test_a_posting_of_nothing_is_not_booked(billing_db: Database) -> None:
    assert not await booked(billing_db, posting_of(MoneyKind.DISPUTE_LOST, "dp_1", []))


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO money_entries (kind, reference, line, ledger_account, currency, micros, occurred_at)"
        " VALUES ('stripe', 'txn_2', 1, 'stripe_balance', 'usd', 5, now())",
        "INSERT INTO money_entries (kind, reference, line, ledger_account, currency, micros, occurred_at)"
        " VALUES ('stripe', 'txn_1', 3, 'suspense', 'usd', 5, now())",
    ],
)
async def test_the_database_refuses_what_does_not_sum_to_zero(billing_db: Database, change: str) -> None:
    await booked(billing_db, IN_TWO_LINES)
    with pytest.raises(IntegrityError, match="does not sum to zero"):
        async with billing_db.transaction() as connection:
            await connection.execute(text(change))


@pytest.mark.parametrize("change", ["UPDATE money_entries SET micros = 1", "DELETE FROM money_entries"])
async def test_the_service_may_not_change_what_was_booked(billing_db: Database, change: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with billing_db.transaction() as connection:
            await connection.execute(text(change))
