"""A sale and its intent: what Stripe's state means for it, whose card may pay, and what it books."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.billing.domain.books.posting import balances
from services.billing.domain.books.postings import payment_received, refund_made, refund_undone
from services.billing.domain.checkout_session import Became, Ignored, Paid
from services.billing.domain.paying_intent import PayingIntent, judge_intent
from services.billing.domain.payment import SALE, Payment, PaymentId, Status, credited
from services.billing.domain.refund import RefundState
from services.billing.domain.sale import AmountNotTaken, CardDeclined, PayingCard, chargeable, usable, why_failed
from shared.errors import Invalid
from shared.money import Money

AT = datetime(2026, 5, 4, tzinfo=UTC)
SOLD = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type=SALE,
    status=Status.PENDING,
    amount=Money(2_000, "usd"),
    usd_minor=2_000,
    millicredits=0,
    success_url="",
    cancel_url="",
    created_at=AT,
    expires_at=AT,
    origin=SALE,
    card_id="pm_1",
    business_type="retail",
    device_id="dev_1",
    score=Decimal(3),
)
INTENT = PayingIntent(
    id="pi_1",
    status="succeeded",
    amount_received_minor=2_000,
    currency="usd",
    livemode=False,
    metadata={"payment_id": "pay_1", "account_id": "acct_1"},
    charge_id="ch_1",
    transaction=None,
    decline_code=None,
)


@pytest.mark.parametrize(
    ("status", "reason", "became"),
    [
        ("processing", None, Status.PROCESSING),
        ("requires_action", None, Status.REQUIRES_ACTION),
        ("requires_payment_method", None, Status.FAILED),
        ("canceled", None, Status.CANCELED),
        ("canceled", "requested_by_customer", Status.CANCELED),
        ("canceled", "abandoned", Status.EXPIRED),
    ],
)
def test_an_intent_says_what_becomes_of_its_sale(status: str, reason: str | None, became: Status) -> None:
    intent = replace(INTENT, status=status, amount_received_minor=0, cancellation_reason=reason)
    assert judge_intent(SOLD, intent, livemode=False) == Became(became)


def test_a_bank_that_refuses_for_want_of_its_customer_fails_a_sale() -> None:
    declined = replace(INTENT, status="requires_payment_method", decline_code="authentication_required")
    assert judge_intent(SOLD, declined, livemode=False) == Became(Status.FAILED)


def test_a_sale_is_paid_by_its_own_intent_and_amount_alone() -> None:
    assert judge_intent(SOLD, INTENT, livemode=False) == Paid("pi_1", "ch_1", None)
    for stranger in (
        replace(INTENT, amount_received_minor=1_999),
        replace(INTENT, amount_received_minor=2_001),
        replace(INTENT, currency="eur"),
        replace(INTENT, livemode=True),
        replace(INTENT, metadata={"payment_id": "pay_1", "account_id": "acct_2"}),
    ):
        assert isinstance(judge_intent(SOLD, stranger, livemode=False), Ignored)
    assert isinstance(judge_intent(replace(SOLD, intent_id="pi_2"), INTENT, livemode=False), Ignored)


def test_a_card_pays_for_its_own_customer_or_for_whoever_has_made_it() -> None:
    card = PayingCard("pm_1", None, "print", "US", "credit")
    for own in (card, replace(card, customer_id="cus_1")):
        assert usable(own, customer_id="cus_1") == own
    for other in (None, replace(card, customer_id="cus_2")):
        with pytest.raises(Invalid):
            usable(other, customer_id="cus_1")


def test_cards_settle_fils_by_the_ten() -> None:
    assert chargeable(Money(1_230, "bhd")) == Money(1_230, "bhd")
    with pytest.raises(Invalid):
        chargeable(Money(1_231, "bhd"))


def test_a_failed_sale_says_why() -> None:
    failed = replace(SOLD, status=Status.FAILED)
    assert isinstance(why_failed(replace(failed, failure_code="amount_too_small")), AmountNotTaken)
    declined = why_failed(replace(failed, failure_code="insufficient_funds"))
    assert isinstance(declined, CardDeclined)
    assert declined.extra == {"payment_id": "pay_1", "decline_code": "insufficient_funds"}


@pytest.mark.parametrize("currency", ["usd", "eur", "jpy"])
def test_a_sale_is_revenue_at_once_and_what_goes_back_is_none(currency: str) -> None:
    paid = credited(
        replace(SOLD, amount=Money(2_000, currency)),
        intent_id="pi_1",
        charge_id="ch_1",
        session_id=None,
        transfer_id=None,
        at=AT,
    )
    received = payment_received(paid)
    assert {line.ledger_account for line in received.lines} == {"receivables", "sales_revenue"}
    state = RefundState(
        id="re_1",
        status="succeeded",
        amount=paid.amount,
        charge_id="ch_1",
        intent_id="pi_1",
        refund_id=None,
        reason=None,
        failure_reason=None,
        transaction=None,
        failure_transaction=None,
    )
    made, undone = refund_made(state, paid, millicredits=0), refund_undone(state, paid, millicredits=0)
    for postings in ((received, made), (made, undone)):
        sums: dict[str, int] = {}
        for line in (line for posting in postings for line in posting.lines):
            sums[line.ledger_account] = sums.get(line.ledger_account, 0) + line.micros
        assert not any(sums.values())
    assert not any(balances(received.lines).values())
