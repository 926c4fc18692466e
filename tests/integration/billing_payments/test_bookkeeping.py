"""Stripe's balance, booked by what caused each of its transactions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from services.billing.domain.books.postings import dispute_opened, payment_received, refund_made
from services.billing.domain.checkout_session import Ignored
from services.billing.domain.dispute import DisputeState
from services.billing.domain.payment import Payment, PaymentId, Status
from services.billing.domain.refund import RefundState
from services.billing.domain.stripe_balance import BalanceTransaction
from services.billing.store import payments
from services.billing.use_cases.bookkeeping import book, settle_transaction
from services.billing.use_cases.reports import report_trial_balance
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import new_uuid
from shared.money import Money
from tests.integration.billing_payments.conftest import OpenShop, a_customer
from tests.support.http import eventually

AT = datetime(2026, 6, 1, tzinfo=UTC)
CLOCK = SystemClock()
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.SUCCEEDED,
    amount=Money(920, "eur"),
    usd_minor=1_000,
    millicredits=10_000_000,
    rate_micros=920_000,
    success_url="",
    cancel_url="",
    created_at=AT,
    expires_at=AT,
    charge_id="ch_1",
    transfer_id=new_uuid(at=AT),
    succeeded_at=AT,
)
REFUND = RefundState("re_1", None, "ch_1", None, Money(420, "eur"), "succeeded", None, None, None, None)
DISPUTE = DisputeState("dp_1", "ch_1", None, Money(500, "eur"), "needs_response", "fraudulent", None, ())


def transaction(source: str | None, kind: str, amount: int, fee: int = 0, currency: str = "usd") -> BalanceTransaction:
    return BalanceTransaction(f"txn_{source}_{amount}", kind, kind, amount, fee, amount - fee, currency, source, AT)


CHARGE = transaction("ch_1", "charge", 1_010, fee=60)


@pytest.fixture
def billing(billing_db: Database) -> Any:
    """What booking needs of billing: its clock."""
    return SimpleNamespace(database=billing_db, clock=CLOCK)


async def settle_all(billing: Any, found: Sequence[BalanceTransaction]) -> list[Ignored | None]:
    async with billing.database.transaction() as connection:
        return [await settle_transaction(billing, connection, each) for each in found]


async def balances(database: Database) -> dict[tuple[str, str], int]:
    report = await report_trial_balance(database, at=None)
    assert report.found.balanced
    return {(each.ledger_account, each.currency): each.balance for each in report.found.accounts if each.balance}


async def pay(billing: Any) -> None:
    async with billing.database.transaction() as connection:
        await payments.insert(connection, PAYMENT)
        await book(connection, payment_received(PAYMENT), at=AT)


async def test_each_transaction_meets_what_was_owed_for_it_whatever_currency_the_balance_is_kept_in(
    billing: Any,
) -> None:
    await pay(billing)
    async with billing.database.transaction() as connection:
        await book(connection, refund_made(REFUND, PAYMENT, millicredits=4_565_217), at=AT)
        await book(connection, dispute_opened(DISPUTE, PAYMENT, millicredits=5_434_783), at=AT)
    arrived = [
        CHARGE,
        transaction("re_1", "refund", -455),
        transaction("dp_1", "adjustment", -550, fee=1_500),
        transaction("po_1", "payout", -300),
        transaction(None, "stripe_fee", -200),
    ]
    assert await settle_all(billing, arrived * 2) == [None] * 10
    after = await balances(billing.database)
    assert not {key for key in after if key[0] in ("receivables", "suspense")}
    assert after["stripe_balance", "usd"] == (1_010 - 60 - 455 - 550 - 1_500 - 300 - 200) * 10_000
    assert after["stripe_fees", "usd"] == (60 + 1_500 + 200) * 10_000
    assert after["bank", "usd"] == 300 * 10_000


async def test_money_of_no_payment_is_in_suspense_until_it_turns_out_to_be_ours(billing: Any) -> None:
    assert await settle_all(billing, [CHARGE, CHARGE]) == [Ignored("the money is of no payment here")] * 2
    assert await balances(billing.database) == {
        ("stripe_balance", "usd"): 9_500_000,
        ("stripe_fees", "usd"): 600_000,
        ("suspense", "usd"): -10_100_000,
    }
    await pay(billing)
    assert await settle_all(billing, [CHARGE, CHARGE]) == [None] * 2
    after = await balances(billing.database)
    assert not {key for key in after if key[0] in ("receivables", "suspense")}
    assert after["stripe_balance", "usd"] == 9_500_000


async def test_a_purchase_books_its_money_with_its_credits_and_stripes_balance_with_either(
    open_shop: OpenShop,
) -> None:
    async with open_shop() as shop:
        buyer = a_customer()
        ordered = (await shop.checkout(buyer, 7_500)).json()
        await shop.pay(ordered["checkout_url"])
        await shop.wallet_becomes(buyer.account_id, 7_500_000)
        rows = await shop.rows("SELECT ledger_account, micros FROM money_entries WHERE kind = 'payment_received'")
        assert {(row.ledger_account, row.micros) for row in rows} == {
            ("receivables", 7_500_000),
            ("payments", -7_500_000),
        }

        async def arrived() -> bool:
            return ("receivables", "usd") not in await balances(shop.billing.database)

        await eventually(arrived)
        after = await balances(shop.billing.database)
        assert after["stripe_balance", "usd"] == 7_500_000 - after["stripe_fees", "usd"]
        assert set(after) == {("stripe_balance", "usd"), ("stripe_fees", "usd"), ("wallet", "usd")}
