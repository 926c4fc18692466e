"""Any sequence of refunds, failures, repeats and disorder takes exactly the credits of what has gone back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.payment import Payment, PaymentId, Status, status_by_refunds
from services.billing.domain.refund import LIVE, Refund, RefundId, RefundState, RefundStatus
from services.billing.domain.refunding import known_refund, settled
from shared.money import Money

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WAYS = (
    ("pending", "succeeded"),
    ("pending", "requires_action", "pending", "canceled"),
    ("succeeded",),
    ("succeeded", "failed"),
    ("pending", "succeeded", "failed"),
    ("failed",),
)
"""How a refund may go at Stripe."""


def a_payment(amount_minor: int, millicredits: int, currency: str = "usd") -> Payment:
    return Payment(
        id=PaymentId("pay_1"),
        account_id="acct_1",
        type="credits",
        status=Status.SUCCEEDED,
        amount=Money(amount_minor, currency),
        usd_minor=amount_minor,
        millicredits=millicredits,
        success_url="http://127.0.0.1/",
        cancel_url="http://127.0.0.1/",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )


class Till:
    """A payment with its refunds, as they are kept; what the wallet gave is counted in `taken`."""

    def __init__(self, payment: Payment) -> None:
        self.payment = payment
        self.refunds: list[Refund] = []
        self.taken = 0

    def tell(self, state: RefundState) -> int:
        known = known_refund(self.refunds, state)
        refund = known or Refund(
            RefundId(f"ref_of_{state.id}"), self.payment.id, state.amount, RefundStatus.REQUESTED, NOW
        )
        others = [each for each in self.refunds if each.id != refund.id]
        change = settled(self.payment, others, refund, state)
        self.payment, self.refunds = change.payment, [*others, change.refund]
        self.taken += change.millicredits
        self.check()
        return change.millicredits

    def check(self) -> None:
        paid, given_back = self.payment.amount.amount_minor, self.payment.refunded_minor
        live = sum(refund.amount.amount_minor for refund in self.refunds if refund.live)
        assert given_back == min(live, paid)
        assert self.taken == self.payment.millicredits * given_back // paid
        assert 0 <= self.taken <= self.payment.millicredits
        assert self.taken == sum(each.taken_millicredits - each.returned_millicredits for each in self.refunds)
        assert self.payment.status is status_by_refunds(self.payment)


def a_state(number: int, amount: Money, status: str) -> RefundState:
    return RefundState(f"re_{number}", None, "ch_1", "pi_1", amount, status, None, None, None, None)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Payment, list[list[RefundState]]]:
    """A payment, and of each of its refunds the states that Stripe goes through. What succeeds stays within what was
    paid; a refund may be made in the stead of one that failed."""
    amount_minor = draw(st.integers(1, 100_000))
    payment = a_payment(amount_minor, draw(st.integers(1, 10**10)))
    left, told = amount_minor, []
    for number in range(draw(st.integers(0, 6))):
        if left == 0:
            break
        amount = Money(draw(st.integers(1, left)), "usd")
        way = draw(st.sampled_from(WAYS))
        told.append([a_state(number, amount, status) for status in way])
        left -= amount.amount_minor if RefundStatus(way[-1]) in LIVE else 0
    return payment, told


@given(histories(), st.data())
def test_order_and_repetition_of_news_do_not_matter(
    history: tuple[Payment, list[list[RefundState]]], data: st.DataObject
) -> None:
    payment, told = history
    in_order, shuffled = Till(payment), Till(payment)
    for states in told:
        for state in states:
            in_order.tell(state)
    news = [state for states in told for state in states]
    again = data.draw(st.lists(st.sampled_from(news), max_size=6)) if news else []
    for state in data.draw(st.permutations(news + again)):
        shuffled.tell(state)

    assert shuffled.payment == in_order.payment
    assert shuffled.taken == in_order.taken
    assert _ends(shuffled) == _ends(in_order)


@given(histories())
def test_news_told_again_moves_nothing(history: tuple[Payment, list[list[RefundState]]]) -> None:
    payment, told = history
    till = Till(payment)
    for states in told:
        for state in states:
            till.tell(state)
            before = (till.payment, till.refunds)
            assert till.tell(state) == 0
            assert (till.payment, sorted(till.refunds, key=_id)) == (before[0], sorted(before[1], key=_id))


@given(st.integers(1, 100_000), st.integers(1, 10**10), st.data())
def test_parts_that_make_the_whole_take_every_credit(amount_minor: int, millicredits: int, data: st.DataObject) -> None:
    till, number = Till(a_payment(amount_minor, millicredits)), 0
    while (left := amount_minor - till.payment.refunded_minor) > 0:
        part = left if number == 8 else data.draw(st.integers(1, left))
        till.tell(a_state(number, Money(part, "usd"), "succeeded"))
        number += 1
    assert till.taken == millicredits
    assert till.payment.status is Status.REFUNDED


@given(histories())
def test_disputed_payment_stays_disputed_whatever_its_refunds_do(
    history: tuple[Payment, list[list[RefundState]]],
) -> None:
    payment, told = history
    payment = replace(payment, status=Status.DISPUTED)
    refunds: list[Refund] = []
    for states in told:
        for state in states:
            known = known_refund(refunds, state)
            refund = known or Refund(
                RefundId(f"ref_of_{state.id}"), payment.id, state.amount, RefundStatus.REQUESTED, NOW
            )
            others = [each for each in refunds if each.id != refund.id]
            change = settled(payment, others, refund, state)
            payment, refunds = change.payment, [*others, change.refund]
            assert payment.status is Status.DISPUTED


def _id(refund: Refund) -> str:
    return refund.id


def _ends(till: Till) -> set[tuple[str, RefundStatus]]:
    return {(refund.id, refund.status) for refund in till.refunds}
