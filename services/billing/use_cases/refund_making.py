"""Making a refund at Stripe, the second of its three steps (`refund_asking` has them all), and handing it on to the
third: for the request that asks for it, and for the loop that ends what requests left open. No transaction is held over
a call to Stripe.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.refunds import create_refund, refund_of_ours
from services.billing.domain.payment import Payment
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.refund import Refund, RefundState, refused
from services.billing.service import Billing
from services.billing.store import payments, refunds
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.refunds import settle_refund_of
from shared.db import Connection
from shared.telemetry import logger_of

logger = logger_of("stripe")

ASK_EVERY_SECONDS = 5.0
_BATCH = 16

T = TypeVar("T")
KeepAnswer = Callable[[Connection, Refund], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction that settles the refund."""


async def make_at_stripe(billing: Billing, payment: Payment, refund: Refund, *, begun_before: bool) -> RefundState:
    """Stripe's refund. One that was begun before is looked for first: Stripe forgets keys after a day. Raises
    StripeRefused, StripeUnavailable."""
    assert payment.intent_id is not None, "what is paid has its intent"
    if begun_before:
        made = await refund_of_ours(billing.stripe, refund, intent_id=payment.intent_id)
        if made is not None:
            return made
    return await create_refund(billing.stripe, refund, intent_id=payment.intent_id)


async def settle_with_answer(billing: Billing, refund: Refund, state: RefundState, keep_answer: KeepAnswer[T]) -> T:
    """The third step, with the caller's answer in one transaction."""
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, refund.payment_id)
        assert payment is not None
        return await keep_answer(connection, await settle_refund_of(billing, connection, payment, state))


async def mark_refused(billing: Billing, refund: Refund, refusal: StripeRefused) -> None:
    """Stripe will not make it: the row fails and holds nothing of the payment any more, unless Stripe's word of it has
    come meanwhile."""
    async with billing.database.transaction() as connection:
        await payments.locked(connection, refund.payment_id)
        known = await refunds.of_payment(connection, refund.payment_id)
        current = next(each for each in known if each.id == refund.id)
        if current.asked_for:
            await refunds.save(connection, refused(current, refusal.code or "refused"), at=billing.clock.now())
    logger.warning("refund_refused", refund_id=refund.id, code=refusal.code)


async def ask_again(billing: Billing) -> bool:
    """Refunds whose answer from Stripe is not known, one batch of them; whether there may be more."""
    async with billing.database.transaction() as connection:
        due = await refunds.lease_asked_for(connection, limit=_BATCH)
    for refund in due:
        await _ask_again(billing, refund)
    return len(due) == _BATCH


async def _ask_again(billing: Billing, refund: Refund) -> None:
    async with billing.database.transaction() as connection:
        payment = await payments.find(connection, refund.payment_id)
    assert payment is not None, "a refund's payment is there"
    try:
        state = await make_at_stripe(billing, payment, refund, begun_before=True)
        with caused_by(CauseKind.REFUND_LOOP, refund.id):
            await settle_with_answer(billing, refund, state, _no_answer)
    except StripeRefused as refusal:
        await mark_refused(billing, refund, refusal)
    except StripeUnavailable as error:
        logger.warning("refund_not_known_yet", refund_id=refund.id, error=str(error))


async def _no_answer(_connection: Connection, _refund: Refund) -> None:
    """The loop answers nobody."""
