"""A payment's states, what a session means for it, its price and its limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.billing.domain.checkout_session import (
    Became,
    Ignored,
    IntentState,
    Judgement,
    Paid,
    SessionState,
    judge,
)
from services.billing.domain.credit_limit import CreditLimit, CreditLimitExceeded
from services.billing.domain.payment import (
    RESERVING,
    Payment,
    PaymentId,
    Status,
    credited,
    may_become,
)
from services.billing.domain.pricing import price_of
from shared.errors import Invalid
from shared.money import Money

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.PENDING,
    amount=Money(500, "usd"),
    usd_minor=500,
    millicredits=5_000_000,
    success_url="http://127.0.0.1/",
    cancel_url="http://127.0.0.1/",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    session_id="cs_1",
)
PAID_SESSION = SessionState(
    id="cs_1",
    url=None,
    status="complete",
    payment_status="paid",
    amount_total_minor=500,
    currency="usd",
    livemode=False,
    metadata={"payment_id": "pay_1", "account_id": "acct_1"},
    intent=IntentState("pi_1", "succeeded", "ch_1"),
)


def test_paid_session_of_this_payment_pays_it() -> None:
    assert judge(PAYMENT, PAID_SESSION, livemode=False) == Paid("pi_1", "ch_1")
    assert judge(replace(PAYMENT, session_id=None), PAID_SESSION, livemode=False) == Paid("pi_1", "ch_1")


@pytest.mark.parametrize(
    "session",
    [
        replace(PAID_SESSION, livemode=True),
        replace(PAID_SESSION, metadata={}),
        replace(PAID_SESSION, metadata={"payment_id": "pay_1", "account_id": "acct_2"}),
        replace(PAID_SESSION, metadata={"payment_id": "pay_2", "account_id": "acct_1"}),
        replace(PAID_SESSION, id="cs_2"),
        replace(PAID_SESSION, amount_total_minor=499),
        replace(PAID_SESSION, amount_total_minor=501),
        replace(PAID_SESSION, currency="eur"),
        replace(PAID_SESSION, payment_status="no_payment_required"),
        replace(PAID_SESSION, intent=None),
    ],
)
def test_session_that_does_not_match_is_ignored(session: SessionState) -> None:
    assert isinstance(judge(PAYMENT, session, livemode=False), Ignored)


def _intent(status: str) -> IntentState:
    return IntentState("pi_1", status, None)


@pytest.mark.parametrize(
    ("status", "intent", "judgement"),
    [
        ("open", None, Became(Status.PENDING)),
        ("open", _intent("requires_payment_method"), Became(Status.PENDING)),
        ("open", _intent("requires_action"), Became(Status.REQUIRES_ACTION)),
        ("expired", None, Became(Status.EXPIRED)),
        ("complete", None, Became(Status.PROCESSING)),
        ("complete", _intent("processing"), Became(Status.PROCESSING)),
        ("complete", _intent("requires_payment_method"), Became(Status.FAILED)),
        ("complete", _intent("canceled"), Became(Status.FAILED)),
    ],
)
def test_unpaid_session_means_its_state(status: str, intent: IntentState | None, judgement: Judgement) -> None:
    session = replace(PAID_SESSION, status=status, payment_status="unpaid", intent=intent)  # type: ignore[arg-type]
    assert judge(PAYMENT, session, livemode=False) == judgement


def test_nothing_leads_out_of_succeeded_but_money_going_back() -> None:
    assert [then for then in Status if may_become(Status.SUCCEEDED, then)] == []
    assert not any(may_become(Status.BLOCKED, then) for then in Status)


def test_money_is_taken_in_whatever_state_stripe_may_hold_it() -> None:
    takes = {now for now in Status if may_become(now, Status.SUCCEEDED)}
    assert takes == {
        *(Status.PENDING, Status.REQUIRES_ACTION, Status.PROCESSING, Status.IN_REVIEW),
        *(Status.EXPIRED, Status.CANCELED, Status.FAILED),
    }


def test_late_money_is_flagged() -> None:
    def paid(status: Status) -> Payment:
        return credited(
            replace(PAYMENT, status=status),
            intent_id="pi_1",
            charge_id=None,
            session_id="cs_1",
            transfer_id=UUID(int=1),
            at=NOW,
        )

    assert paid(Status.PENDING).flags == ()
    assert paid(Status.EXPIRED).flags == paid(Status.CANCELED).flags == ("late_money",)
    with pytest.raises(AssertionError):
        paid(Status.SUCCEEDED)


def test_freed_states_reserve_nothing() -> None:
    freed = {Status.FAILED, Status.CANCELED, Status.EXPIRED, Status.BLOCKED, Status.REFUNDED}
    assert set(Status) - RESERVING == freed


def test_exactly_the_limit_is_allowed_and_a_cent_more_is_not() -> None:
    limit = CreditLimit(limit_minor=1_000, used_minor=500)
    limit.require(500)
    with pytest.raises(CreditLimitExceeded) as refusal:
        limit.require(501)
    assert refusal.value.extra == {
        "limit": {"amount": 1_000, "currency": "usd"},
        "used": {"amount": 500, "currency": "usd"},
        "available": {"amount": 500, "currency": "usd"},
    }
    assert CreditLimit(limit_minor=100, used_minor=500).available_minor == 0


def test_credits_cost_a_cent_for_ten_rounded_up() -> None:
    assert price_of(5_000, "usd", {}).money == Money(500, "usd")
    assert price_of(5_001, "USD", {}).money == Money(501, "usd")
    for currency in ("eur", "", "us", "usdd"):
        with pytest.raises(Invalid):
            price_of(5_000, currency, {"gbp": 790_000})
