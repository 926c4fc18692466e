"""What may be refunded, which refund Stripe speaks of, and how one goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.payment import PAID, Payment, PaymentId, Status, may_become, with_refunded
from services.billing.domain.refund import Refund, RefundId, RefundState, RefundStatus, advanced, refused
from services.billing.domain.refunding import (
    NotRefundable,
    RefundExceedsPayment,
    clawed_back,
    known_refund,
    money_moves,
    refundable,
    settled,
    worth_of,
)
from shared.errors import Invalid
from shared.money import Money

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.SUCCEEDED,
    amount=Money(300, "usd"),
    usd_minor=300,
    millicredits=1_000,
    success_url="http://127.0.0.1/",
    cancel_url="http://127.0.0.1/",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
)
REFUND = Refund(
    RefundId("ref_1"), PAYMENT.id, Money(100, "usd"), RefundStatus.REQUESTED, NOW, "acct_op", asked_key=b"k"
)
STATE = RefundState("re_1", "ref_1", "ch_1", "pi_1", Money(100, "usd"), "succeeded", None, None, None, None)


def usd(amount_minor: int) -> Money:
    return Money(amount_minor, "usd")


def test_all_that_is_left_is_refunded_where_no_amount_is_said() -> None:
    assert refundable(PAYMENT, [], None) == usd(300)
    assert refundable(replace(PAYMENT, refunded_minor=120, status=Status.PARTIALLY_REFUNDED), [], None) == usd(180)


def test_refund_that_stripe_has_not_answered_holds_its_share() -> None:
    assert refundable(PAYMENT, [REFUND], None) == usd(200)
    assert refundable(PAYMENT, [refused(REFUND, "charge_disputed")], None) == usd(300)
    with pytest.raises(NotRefundable):
        refundable(PAYMENT, [replace(REFUND, amount=usd(300))], None)


def test_more_than_is_left_is_refused_with_what_is() -> None:
    assert refundable(PAYMENT, [REFUND], usd(200)) == usd(200)
    with pytest.raises(RefundExceedsPayment) as refusal:
        refundable(PAYMENT, [REFUND], usd(201))
    assert refusal.value.extra == {"refundable": usd(200)}


@pytest.mark.parametrize("asked", [Money(0, "usd"), Money(-1, "usd"), Money(100, "eur")])
def test_nothing_less_than_nothing_and_other_money_are_invalid(asked: Money) -> None:
    with pytest.raises(Invalid):
        refundable(PAYMENT, [], asked)


def test_dinars_are_refunded_in_steps_that_stripe_takes() -> None:
    payment = replace(PAYMENT, amount=Money(3_000, "bhd"))
    assert refundable(payment, [], Money(1_010, "bhd")) == Money(1_010, "bhd")
    with pytest.raises(Invalid):
        refundable(payment, [], Money(1_011, "bhd"))


@pytest.mark.parametrize("status", [*sorted(set(Status) - PAID), Status.DISPUTED])
def test_unpaid_and_disputed_payments_are_not_refundable(status: Status) -> None:
    with pytest.raises(NotRefundable):
        refundable(replace(PAYMENT, status=status), [], None)


def test_payment_refunded_whole_is_not_refundable() -> None:
    with pytest.raises(NotRefundable):
        refundable(replace(PAYMENT, status=Status.REFUNDED, refunded_minor=300), [], usd(1))


def test_stripes_refund_is_known_by_its_id_and_then_by_ours() -> None:
    told = replace(REFUND, stripe_id="re_1", status=RefundStatus.PENDING)
    assert known_refund([REFUND], STATE) == REFUND
    assert known_refund([REFUND, told], STATE) == told
    assert known_refund([replace(told, stripe_id="re_2")], STATE) is None
    assert known_refund([REFUND], replace(STATE, refund_id=None)) is None
    assert known_refund([REFUND], replace(STATE, amount=usd(99))) is None


def test_late_state_changes_nothing_and_a_refused_refund_that_stripe_has_after_all_counts() -> None:
    failed = advanced(REFUND, replace(STATE, status="failed", failure_reason="expired_or_canceled_card"))
    assert (failed.status, failed.failure_reason) == (RefundStatus.FAILED, "expired_or_canceled_card")
    assert advanced(failed, STATE) == failed
    assert advanced(refused(REFUND, "x"), STATE).live
    waiting = advanced(REFUND, replace(STATE, status="requires_action"))
    assert advanced(waiting, replace(STATE, status="pending")).status is RefundStatus.PENDING


def test_thirds_are_taken_without_losing_a_fraction() -> None:
    payment, taken = PAYMENT, []
    refunds: list[Refund] = []
    for number in range(3):
        refund = replace(REFUND, id=RefundId(f"ref_{number}"))
        change = settled(payment, refunds, refund, replace(STATE, id=f"re_{number}"))
        payment, refunds = change.payment, [*refunds, change.refund]
        taken.append(change.millicredits)
    assert taken == [333, 333, 334]
    assert (payment.status, clawed_back(payment)) == (Status.REFUNDED, 1_000)


def test_refund_that_fails_leads_back() -> None:
    change = settled(PAYMENT, [], REFUND, STATE)
    assert (change.payment.status, change.payment.refunded_minor) == (Status.PARTIALLY_REFUNDED, 100)
    back = settled(change.payment, [], change.refund, replace(STATE, status="failed"))
    assert (back.payment, back.millicredits) == (PAYMENT, -333)
    assert (back.refund.taken_millicredits, back.refund.returned_millicredits, back.refund.credits_taken) == (
        333,
        333,
        0,
    )


def test_sale_takes_no_credits() -> None:
    change = settled(replace(PAYMENT, type="sale", millicredits=0), [], REFUND, STATE)
    assert (change.millicredits, change.payment.status) == (0, Status.PARTIALLY_REFUNDED)


def test_refunds_lead_nowhere_that_credits_could_be_given_again() -> None:
    assert with_refunded(replace(PAYMENT, status=Status.DISPUTED), 300).status is Status.DISPUTED
    assert not any(may_become(status, Status.SUCCEEDED) for status in PAID)
    with pytest.raises(AssertionError):
        with_refunded(PAYMENT, 301)
    with pytest.raises(AssertionError):
        with_refunded(replace(PAYMENT, status=Status.PENDING), 0)


MADE, UNDONE = MoneyKind.REFUND_MADE, MoneyKind.REFUND_UNDONE


@pytest.mark.parametrize(
    ("was_live", "is_live", "in_balance", "booked"),
    [
        (False, True, False, (MADE,)),
        (False, True, True, (MADE,)),
        (True, False, False, (UNDONE,)),
        (True, False, True, (UNDONE,)),
        (False, False, True, (MADE, UNDONE)),
        (False, False, False, ()),
        (True, True, False, ()),
        (True, True, True, ()),
    ],
)
def test_money_is_booked_as_it_went(
    was_live: bool, is_live: bool, in_balance: bool, booked: tuple[MoneyKind, ...]
) -> None:
    assert money_moves(was_live=was_live, is_live=is_live, in_balance=in_balance) == booked


def test_an_amount_is_worth_what_it_bought_rounded_down() -> None:
    assert [worth_of(Money(minor, "usd"), PAYMENT) for minor in (100, 299, 300)] == [333, 996, 1_000]
