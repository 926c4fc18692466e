"""Refunding a payment: an operator's request, and the loop that ends what it left open.

Three steps, none of which holds a transaction over a call to Stripe:
1. under the payment's lock: what is left of it, and the refund's row, which holds its share from then on;
2. Stripe's refund, under a key made of ours;
3. its state settled (`refunds`) with the caller's answer.
Where Stripe refuses, the row fails and holds nothing. Where its answer is not known, the row stays, and the loop, or
the caller's repeat under the same Idempotency-Key, asks again for the same refund.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.refunds import create_refund, refund_of_ours
from services.billing.domain.payment import Payment
from services.billing.domain.refund import PREFIX, Refund, RefundId, RefundState, RefundStatus, refused
from services.billing.domain.refunding import NotRefundable, refundable
from services.billing.service import Billing
from services.billing.store import payments, refunds
from services.billing.use_cases.refunds import settle_refund_of
from shared.db import Connection
from shared.errors import DomainError, NotFound
from shared.idempotency import KEPT_FOR
from shared.ids import decode, new_id
from shared.money import Money
from shared.telemetry import logger

ASK_EVERY_SECONDS = 5.0
_BATCH = 16

T = TypeVar("T")
Finish = Callable[[Connection, Refund], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction that settles the refund."""

_WHY = {
    "charge_disputed": "This payment is disputed; the dispute decides where its money goes.",
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


async def find_payment(billing: Billing, payment_id: str) -> Payment:
    """The payment, whosever it is: for operators. Raises NotFound."""
    payment = None
    if decode("pay", payment_id) is not None:
        async with billing.database.transaction() as connection:
            payment = await payments.find(connection, payment_id)
    if payment is None:
        raise NotFound("payment")
    return payment


async def refund_payment(billing: Billing, order: RefundOrder, finish: Finish[T]) -> T:
    """Refund a payment, or go on with the refund that the same key began. Raises NotFound, Invalid, NotRefundable,
    RefundExceedsPayment, `idempotency_key_reused`, and `service_unavailable` where it is not known what Stripe did."""
    payment, refund, begun_before = await _begin(billing, order)
    if not refund.asked_for:
        async with billing.database.transaction() as connection:
            return await finish(connection, refund)
    try:
        state = await _at_stripe(billing, payment, refund, begun_before=begun_before)
    except StripeRefused as refusal:
        await _refuse(billing, refund, refusal)
        raise NotRefundable(_WHY.get(refusal.code or "", "The payment provider refused this refund.")) from refusal
    except StripeUnavailable as error:
        logger.warning("refund_without_stripe", refund_id=refund.id, error=str(error))
        raise _stripe_is_away() from error
    return await _settle(billing, refund, state, finish)


async def ask_again(billing: Billing) -> bool:
    """Refunds whose answer from Stripe is not known, one batch of them; whether there may be more."""
    async with billing.database.transaction() as connection:
        due = await refunds.lease_asked_for(connection, limit=_BATCH)
    for refund in due:
        await _ask_again(billing, refund)
    return len(due) == _BATCH


async def _ask_again(billing: Billing, refund: Refund) -> None:
    payment = await find_payment(billing, refund.payment_id)
    try:
        state = await _at_stripe(billing, payment, refund, begun_before=True)
        await _settle(billing, refund, state, _no_answer)
    except StripeRefused as refusal:
        await _refuse(billing, refund, refusal)
    except StripeUnavailable as error:
        logger.warning("refund_not_known_yet", refund_id=refund.id, error=str(error))


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
        return payment, refund, False


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


async def _at_stripe(billing: Billing, payment: Payment, refund: Refund, *, begun_before: bool) -> RefundState:
    """Stripe's refund. One that was begun before is looked for first: Stripe forgets keys after a day."""
    assert payment.intent_id is not None, "what is paid has its intent"
    if begun_before:
        made = await refund_of_ours(billing.stripe, refund, intent_id=payment.intent_id)
        if made is not None:
            return made
    return await create_refund(billing.stripe, refund, intent_id=payment.intent_id)


async def _settle(billing: Billing, refund: Refund, state: RefundState, finish: Finish[T]) -> T:
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, refund.payment_id)
        assert payment is not None
        return await finish(connection, await settle_refund_of(billing, connection, payment, state))


async def _refuse(billing: Billing, refund: Refund, refusal: StripeRefused) -> None:
    """The row fails, unless Stripe's word of it has come meanwhile."""
    async with billing.database.transaction() as connection:
        await payments.locked(connection, refund.payment_id)
        known = await refunds.of_payment(connection, refund.payment_id)
        current = next(each for each in known if each.id == refund.id)
        if current.asked_for:
            await refunds.save(connection, refused(current, refusal.code or "refused"), at=billing.clock.now())
    logger.warning("refund_refused", refund_id=refund.id, code=refusal.code)


async def _no_answer(_connection: Connection, _refund: Refund) -> None:
    """The loop answers nobody."""


def _stripe_is_away() -> DomainError:
    return DomainError(
        "service_unavailable",
        "The payment provider did not answer. The refund is noted and will be made once it does; repeat with the same"
        " Idempotency-Key to learn of it.",
        headers={"Retry-After": "5"},
    )
