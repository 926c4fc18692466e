"""Trial balance and revenue report, counted against a small year that is told by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing.domain.books import postings
from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.dispute import DisputeState
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.payment import Payment, PaymentId, Status
from services.billing.domain.pricing import price_of
from services.billing.domain.stripe_balance import BalanceTransaction
from services.billing.store import credit_grants, grant_states, transfers
from services.billing.store.credit_grants import CreditGrant
from services.billing.store.ledger_connection import Ledger, ledger_of
from services.billing.use_cases.bookkeeping import book
from services.billing.use_cases.grant_expiry import standing_of
from services.billing.use_cases.reports import report_revenue, report_trial_balance
from services.billing.use_cases.verify_books import verify_books
from shared.clock import SystemClock
from shared.db import Connection, Database
from shared.ids import new_uuid
from shared.money import Money

NOW = SystemClock().real_now()
JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
MID = timedelta(days=15)


class Story:
    """Transfers of accounts one after another, each at a time of its own."""

    def __init__(self, connection: Connection, ledger: Ledger) -> None:
        self.connection, self.ledger = connection, ledger
        self.balances: dict[str, int] = {}
        self.positions: dict[str, int] = {}

    async def move(self, account: str, kind: Kind, amount: int, *, at: datetime, **more: Any) -> Transfer:
        moved = Transfer(account, new_uuid(at=NOW), kind, amount, 0, 0, "A test's", **more)
        moved.balance_after = self.balances[account] = self.balances.get(account, 0) + moved.signed
        moved.position = self.positions[account] = self.positions.get(account, 0) + 1
        await transfers.insert(self.ledger, [moved], at=at)
        return moved

    async def lot(self, account: str, kind: Kind, amount: int, *, at: datetime) -> None:
        moved = await self.move(account, kind, amount, at=at)
        brought = "paid" if kind is Kind.PURCHASE else "promotional"
        grant = CreditGrant(account, moved.id, brought, amount, None, str(moved.id))  # type: ignore[arg-type]
        await credit_grants.insert(self.ledger, grant, at=at)


def payment_of(number: int, credits: int, currency: str) -> Payment:
    price = price_of(credits, currency, {"jpy": 155_000_000})
    return Payment(
        id=PaymentId(f"pay_{number}"),
        account_id="acct_a",
        type="credits",
        status=Status.SUCCEEDED,
        amount=price.money,
        usd_minor=price.usd_minor,
        millicredits=price.millicredits,
        success_url="",
        cancel_url="",
        created_at=JANUARY,
        expires_at=JANUARY,
    )


async def tell(story: Story) -> None:
    """January: $10 and ¥1,550 of credits bought, 2 dollars' worth given, 5 spent. February: 1 spent, and the first
    payment disputed and lost; $3 of its $10 were still there."""
    mid_january, mid_february = JANUARY + MID, FEBRUARY + MID
    first, second = payment_of(1, 10_000, "usd"), payment_of(2, 10_000, "jpy")
    for payment, account in ((first, "acct_a"), (second, "acct_b")):
        await story.lot(account, Kind.PURCHASE, payment.millicredits, at=mid_january)
        await book(story.connection, postings.payment_received(payment), at=mid_january)
    await story.lot("acct_b", Kind.GRANT, 2_000_000, at=mid_january)
    await story.move("acct_a", Kind.CHARGE, 6_000_000, at=mid_january)
    await story.move("acct_a", Kind.REVERSAL, 1_000_000, at=mid_january)
    paid = BalanceTransaction("txn_1", "charge", "charge", 1_000, 59, 941, "usd", "ch_1", mid_january)
    await book(story.connection, postings.on_balance(paid, counter="receivables"), at=mid_january)
    await story.move("acct_b", Kind.CHARGE, 1_000_000, at=mid_february)
    await story.move("acct_a", Kind.BREAKAGE, 2_000_000, at=mid_february)
    dispute = DisputeState("dp_1", "ch_1", None, Money(1_000, "usd"), "lost", "fraudulent", None, ())
    await story.move("acct_a", Kind.DISPUTE, 10_000_000, at=mid_february)
    for posting in (
        postings.dispute_opened(dispute, first, millicredits=10_000_000),
        postings.dispute_lost(dispute, uncovered_millicredits=7_000_000),
    ):
        await book(story.connection, posting, at=mid_february)


@pytest.fixture
async def told(billing_db: Database) -> Database:
    async with billing_db.transaction() as connection:
        await tell(Story(connection, await ledger_of(connection)))
    return billing_db


def usd(micros: int) -> dict[str, Any]:
    return {"micros": micros, "decimal": f"{micros / 1_000_000:.6f}", "currency": "usd"}


async def test_a_period_shows_its_sales_and_its_profit(told: Database) -> None:
    january = (await report_revenue(told, start=JANUARY, end=FEBRUARY)).as_view()
    yen = {"micros": 1_550_000_000, "decimal": "1550.000000", "currency": "jpy"}
    assert january["sales"] == {
        "gross": [yen, usd(10_000_000)],
        "refunds": [],
        "disputes": [],
        "total": [yen, usd(10_000_000)],
    }
    assert january["profit"] == {
        "earned_revenue": [usd(5_000_000)],
        "subscription_revenue": [],
        "sales_revenue": [],
        "breakage": [],
        "adjustments": [],
        "promotions_given": [usd(-2_000_000)],
        "promotions_expired": [],
        "stripe_fees": [usd(-590_000)],
        "dispute_losses": [],
        "rounding": [],
        "total": [usd(2_410_000)],
    }
    assert january["exchange"] == [yen, usd(-10_000_000)]


async def test_credits_sold_and_given_are_told_apart_at_both_ends(told: Database) -> None:
    """Promotional credits are burnt first, so b's spend of February was of what had been given."""
    report = (await report_revenue(told, start=FEBRUARY, end=MARCH)).as_view("usd")
    assert report["opening"] == {
        "deferred_revenue": usd(15_000_000),
        "promotional_credits": usd(2_000_000),
        "customers_debts": usd(0),
    }
    assert report["closing"] == {
        "deferred_revenue": usd(10_000_000),
        "promotional_credits": usd(1_000_000),
        "customers_debts": usd(7_000_000),
    }
    profit: Any = report["profit"]
    assert profit["breakage"] == [usd(2_000_000)] and profit["dispute_losses"] == [usd(-7_000_000)]
    sales: Any = report["sales"]
    assert sales["disputes"] == sales["total"] == [usd(-10_000_000)]


async def test_the_trial_balance_is_of_every_account_and_balances_in_each_currency(told: Database) -> None:
    report = await report_trial_balance(told, at=None)
    balances = {(each.ledger_account, each.currency): each.balance for each in report.found.accounts}
    assert report.found.balanced
    assert {key: balance for key, balance in balances.items() if balance} == {
        ("stripe_balance", "usd"): 9_410_000,
        ("stripe_fees", "usd"): 590_000,
        ("receivables", "usd"): -10_000_000,
        ("receivables", "jpy"): 1_550_000_000,
        ("currency_exchange", "jpy"): -1_550_000_000,
        ("currency_exchange", "usd"): 10_000_000,
        ("allowance_for_debts", "usd"): -7_000_000,
        ("dispute_losses", "usd"): 7_000_000,
        ("promotions", "usd"): 2_000_000,
        ("revenue", "usd"): -6_000_000,
        ("breakage", "usd"): -2_000_000,
        ("wallet", "usd"): -4_000_000,
    }
    before = await report_trial_balance(told, at=FEBRUARY)
    assert before.found.balanced and {each.ledger_account for each in before.found.accounts}.isdisjoint({"disputes"})
    assert len(list(before.lines())) == len(before.found.accounts) + len(before.found.totals) + 2


async def test_the_proof_of_the_money_book_lists_what_waits_for_its_other_side(told: Database) -> None:
    proof = await verify_books(told)
    assert proof.balanced and proof.checked == 6
    assert {(each.ledger_account, each.currency): each.balance for each in proof.waiting} == {
        ("receivables", "usd"): -10_000_000,
        ("receivables", "jpy"): 1_550_000_000,
    }


async def test_a_past_instant_is_told_the_same_though_a_later_state_is_stored(told: Database) -> None:
    before = await report_revenue(told, start=FEBRUARY, end=MARCH)
    async with told.transaction() as connection:
        ledger = await ledger_of(connection)
        await grant_states.keep(ledger, "acct_b", (await standing_of(ledger, "acct_b", 3)).state)
        assert await grant_states.position(ledger, "acct_b") == 3
    assert await report_revenue(told, start=FEBRUARY, end=MARCH) == before


async def test_the_view_of_both_sub_books_says_the_same(told: Database) -> None:
    async with told.transaction() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT ledger_account, currency, sum(debit)::bigint, sum(credit)::bigint FROM book GROUP BY 1, 2"
        )
        summed = {tuple(row) for row in rows}
    report = await report_trial_balance(told, at=None)
    assert summed == {(each.ledger_account, each.currency, each.debit, each.credit) for each in report.found.accounts}
