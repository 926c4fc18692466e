"""What may be refunded of a payment, and what refunds do to it and to its credits.

Credits are taken back by what has been refunded in sum: after T of P, `floor(millicredits * T / P)` of them, all at
T = P. Each refund moves the difference, so no order of refunds, failures and repeated news ends otherwise, and no
fraction is lost or taken twice. Amounts are in the payment's currency's minor unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.payment import PAID, Payment, Status, with_refunded
from services.billing.domain.refund import Refund, RefundState, RefundStatus, advanced
from shared.errors import DomainError, Invalid
from shared.money import Money, step_minor


class NotRefundable(DomainError):
    """The payment is not paid, is disputed, has gone back whole, or Stripe will not give it back."""

    def __init__(self, why: str) -> None:
        super().__init__("not_refundable", why)


class RefundExceedsPayment(DomainError):
    """More than is left of the payment."""

    def __init__(self, left: Money) -> None:
        super().__init__(
            "refund_exceeds_payment",
            f"Of this payment {left.amount_minor} is left to refund, in the minor unit of {left.currency}.",
            extra={"refundable": left},
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """A payment and one refund after Stripe's word. `millicredits` is over zero where the wallet gives so many, under
    zero where it gets them back."""

    payment: Payment
    refund: Refund
    millicredits: int


def refundable(payment: Payment, refunds: Sequence[Refund], asked: Money | None) -> Money:
    """The amount that a new refund would have: what is asked for, or else all that is left. Refunds that Stripe has
    not answered hold their share. Raises Invalid, NotRefundable, RefundExceedsPayment."""
    left = Money(_left_minor(payment, refunds), payment.amount.currency)
    amount = _checked(payment, asked) or left
    if payment.status not in PAID:
        raise NotRefundable("This payment has not been paid.")
    if payment.status is Status.DISPUTED:
        raise NotRefundable(
            "This payment is disputed, or its dispute was lost: where its money goes is the bank's to say."
        )
    if left.amount_minor <= 0:
        raise NotRefundable("This payment has been refunded whole, or is about to be.")
    if amount.amount_minor > left.amount_minor:
        raise RefundExceedsPayment(left)
    return amount


def known_refund(refunds: Sequence[Refund], state: RefundState) -> Refund | None:
    """Which of a payment's refunds Stripe speaks of: the one with its id, else the one that we asked for under the id
    that it bears, where Stripe has told of no other for it."""
    for refund in refunds:
        if refund.stripe_id == state.id:
            return refund
    for refund in refunds:
        if refund.id == state.refund_id and refund.stripe_id is None and refund.amount == state.amount:
            return refund
    return None


def settled(payment: Payment, others: Sequence[Refund], refund: Refund, state: RefundState) -> Settled:
    """What Stripe's state of `refund` changes. `others` are the payment's other refunds. Told again, or late, it
    changes nothing."""
    after = advanced(refund, state)
    given_back = with_refunded(payment, _refunded_minor(payment, [*others, after]))
    moved = clawed_back(given_back) - clawed_back(payment)
    return Settled(given_back, _noted(after, moved), moved)


def clawed_back(payment: Payment) -> int:
    """Millicredits that the payment's refunds have taken back in sum."""
    return payment.millicredits * payment.refunded_minor // payment.amount.amount_minor


def worth_of(amount: Money, payment: Payment) -> int:
    """Millicredits that an amount of the payment's money bought, rounded down."""
    return payment.millicredits * amount.amount_minor // payment.amount.amount_minor


def money_moves(*, was_live: bool, is_live: bool, in_balance: bool) -> tuple[MoneyKind, ...]:
    """What the money's side of a refund is to book, by whether it counted as given back before Stripe's news and
    counts now, and whether Stripe's balance shows that it went out. A posting is booked once, so it does not matter
    that a refund which has failed is told of again.

        was_live  is_live  in_balance
        no        yes      either      it goes out
        yes       no       either      it comes back
        no        no       yes         it went out and came back before anything was heard of it
        no        no       no          it never went
        yes       yes      either      nothing new
    """
    match was_live, is_live:
        case False, True:
            return (MoneyKind.REFUND_MADE,)
        case True, False:
            return (MoneyKind.REFUND_UNDONE,)
        case False, False if in_balance:
            return (MoneyKind.REFUND_MADE, MoneyKind.REFUND_UNDONE)
    return ()


def _noted(refund: Refund, moved: int) -> Refund:
    if moved >= 0:
        return replace(refund, taken_millicredits=refund.taken_millicredits + moved)
    return replace(refund, returned_millicredits=refund.returned_millicredits - moved)


def _left_minor(payment: Payment, refunds: Sequence[Refund]) -> int:
    waiting = sum(refund.amount.amount_minor for refund in refunds if refund.status is RefundStatus.REQUESTED)
    return payment.amount.amount_minor - payment.refunded_minor - waiting


def _refunded_minor(payment: Payment, refunds: Sequence[Refund]) -> int:
    """Never over what was paid: while a failed refund's news is late, the one made in its stead may be here."""
    return min(payment.amount.amount_minor, sum(refund.amount.amount_minor for refund in refunds if refund.live))


def _checked(payment: Payment, asked: Money | None) -> Money | None:
    if asked is not None and asked.currency != payment.amount.currency:
        raise Invalid("/amount/currency", f"must be the payment's, {payment.amount.currency}")
    if asked is not None and asked.amount_minor <= 0:
        raise Invalid("/amount/amount", "must be over zero")
    step = step_minor(payment.amount.currency)
    if asked is not None and asked.amount_minor % step:
        raise Invalid("/amount/amount", f"must be a multiple of {step}")
    return asked
