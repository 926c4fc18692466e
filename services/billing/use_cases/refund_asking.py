"""Refunding a payment, as an operator asks for it: the first of a refund's three steps, and the way through them.

None of them holds a transaction over a call to Stripe:
1. asking (here), under the payment's lock: what is left of it, and the refund's row, which holds its share since;
2. making (`refund_making.make_at_stripe`): Stripe's refund, under a key made of ours;
3. settling (`refunds.settle_refund_of`): what the refund has become moves credits and money. The caller's answer is
   kept in the same transaction (`keep_answer`), so that who hears of a refund hears of one that is settled.
Where Stripe refuses, the row fails and holds nothing. Where its answer is not known, the row stays, and the loop
(`refund_making.ask_again`), or the caller's repeat under the same Idempotency-Key, asks again for the same refund.
A refund that was made at Stripe's dashboard, or that changes later, comes by an event and begins with step 3.
"""

from dataclasses import dataclass
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.domain.payment import PREFIX as PAYMENT_PREFIX
from services.billing.domain.payment import Payment
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.refund import PREFIX, Refund, RefundId, RefundStatus
from services.billing.domain.refunding import NotRefundable, refundable
from services.billing.service import Billing
from services.billing.store import payments, refunds
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.refund_making import KeepAnswer, make_at_stripe, mark_refused, settle_with_answer
from shared import audit
from shared.db import Connection
from shared.errors import DomainError, NotFound
from shared.idempotency import KEPT_FOR
from shared.ids import decode, new_id
from shared.money import Money
from shared.telemetry import logger_of

logger = logger_of("stripe")

T = TypeVar("T")

_WHY = {
    "charge_disputed": "This payment is disputed, or its dispute was lost: where its money goes is the bank's to say.",
    "charge_already_refunded": "This payment has been refunded whole at the payment provider.",
    "insufficient_funds": "The balance at the payment provider does not cover this refund.",
    "balance_insufficient": "The balance at the payment provider does not cover this refund.",
}


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What an operator asks for: all that is left where `amount` is None. `asked_key` is a digest of the request's
    idempotency key, None where it has none."""

    payment_id: str
    amount: Money | None
    reason: str | None
    requested_by: str
    asked_key: bytes | None
    request_id: str | None = None


async def find_payment(billing: Billing, payment_id: str) -> Payment:
    """The payment, whosever it is: for operators. Raises NotFound."""
    payment = None
    if decode(PAYMENT_PREFIX, payment_id) is not None:
        async with billing.database.transaction() as connection:
            payment = await payments.find(connection, payment_id)
    if payment is None:
        raise NotFound("payment")
    return payment


async def refund_payment(billing: Billing, order: RefundOrder, keep_answer: KeepAnswer[T]) -> T:
    """Refund a payment, or go on with the refund that the same key began. Raises NotFound, Invalid, NotRefundable,
    RefundExceedsPayment, `idempotency_key_reused`, and `service_unavailable` where it is not known what Stripe did."""
    payment, refund, begun_before = await _begin(billing, order)
    if not refund.asked_for:
        async with billing.database.transaction() as connection:
            return await keep_answer(connection, refund)
    try:
        state = await make_at_stripe(billing, payment, refund, begun_before=begun_before)
    except StripeRefused as refusal:
        await mark_refused(billing, refund, refusal)
        raise NotRefundable(_WHY.get(refusal.code or "", "The payment provider refused this refund.")) from refusal
    except StripeUnavailable as error:
        logger.warning("refund_without_stripe", refund_id=refund.id, error=str(error))
        raise _stripe_is_away() from error
    with caused_by(CauseKind.OPERATOR, order.requested_by):
        return await settle_with_answer(billing, refund, state, keep_answer)


async def _begin(billing: Billing, order: RefundOrder) -> tuple[Payment, Refund, bool]:
    """The payment and the refund's row, and whether it was begun before."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, order.payment_id)
        if payment is None:
            raise NotFound("payment")
        if order.asked_key is not None:
            await refunds.forget_key(connection, order.asked_key, before=now - KEPT_FOR)
        known = await refunds.of_payment(connection, payment.id)
        earlier = _earlier(known, order)
        if earlier is not None:
            return payment, earlier, True
        refund = Refund(
            id=RefundId(new_id(PREFIX, at=now)),
            payment_id=payment.id,
            amount=refundable(payment, known, order.amount),
            status=RefundStatus.REQUESTED,
            created_at=now,
            requested_by=order.requested_by,
            reason=order.reason,
            asked_key=order.asked_key,
        )
        await refunds.insert(connection, refund)
        await _audit(connection, order, refund)
        return payment, refund, False


async def _audit(connection: Connection, order: RefundOrder, refund: Refund) -> None:
    details = {"payment_id": refund.payment_id, "amount": refund.amount.as_json()}
    actor = audit.Actor(order.requested_by, order.request_id)
    await audit.write(connection, actor, "refund.asked", refund.id, details, at=refund.created_at)


def _earlier(known: list[Refund], order: RefundOrder) -> Refund | None:
    """What the same key began, if it did."""
    if order.asked_key is None:
        return None
    earlier = next((refund for refund in known if refund.asked_key == order.asked_key), None)
    if earlier is not None and (order.amount not in (None, earlier.amount) or order.reason != earlier.reason):
        raise DomainError(
            "idempotency_key_reused", "This Idempotency-Key was used with another request; take a new one."
        )
    return earlier


def _stripe_is_away() -> DomainError:
    return DomainError(
        "service_unavailable",
        "The payment provider did not answer. The refund is noted and will be made once it does; repeat with the same"
        " Idempotency-Key to learn of it.",
        headers={"Retry-After": "5"},
    )
