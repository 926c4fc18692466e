"""What the present state of a payment's object at Stripe does to the payment: the one way by which money becomes
credits.

A payment has a Checkout Session where its customer pays at a page (`settle_session`), and a payment intent alone
where a saved card is charged by itself (`settle_intent`). Whoever has fetched one (the worker of Stripe's events, the
expiry loop, a cancellation, a top-up) settles it here, in a transaction of its own choosing. Settling the same state
again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import replace

from services.billing.domain.books.postings import payment_received
from services.billing.domain.checkout_session import Became, Ignored, Judgement, Paid, SessionState, judge
from services.billing.domain.paying_intent import PayingIntent, judge_intent
from services.billing.domain.payment import CREDITS, PREFIX, SALE, Payment, Status, credited, may_become
from services.billing.service import Billing
from services.billing.store import payments, top_ups
from services.billing.use_cases.bookkeeping import book, settle_transaction
from services.billing.use_cases.payment_steps import step
from services.billing.use_cases.post_credit import post_purchase
from shared.db import Connection
from shared.ids import decode, new_uuid
from shared.money import Credits
from shared.telemetry import logger_of

logger = logger_of("stripe")


async def settle_session(billing: Billing, connection: Connection, session: SessionState) -> Ignored | None:
    """Apply a session as Stripe has it now; Ignored with the reason where it is none of ours or does not match. The
    money's side of a payment is booked with its credits, and what the charge did to Stripe's balance where that is
    known already; else an event of the charge's brings it.

    Locks the payment's row, then, when crediting, its account's top-up setting and wallet. A state that arrives late,
    after a further one, finds no way in the table of states and changes nothing.
    """
    payment = await _named(connection, session.metadata)
    if payment is None:
        return Ignored("no payment here has this session")
    judgement = judge(payment, session, livemode=billing.stripe.livemode)
    intent_id = session.intent.id if session.intent else payment.intent_id
    known = replace(payment, session_id=session.id, intent_id=intent_id)
    return await _apply(billing, connection, known, judgement)


async def settle_intent(billing: Billing, connection: Connection, intent: PayingIntent) -> Ignored | None:
    """The same for a payment intent that no page made: a saved card charged by itself."""
    payment = await _named(connection, intent.metadata)
    if payment is None:
        return Ignored("no payment here has this intent")
    judgement = judge_intent(payment, intent, livemode=billing.stripe.livemode)
    known = replace(payment, intent_id=intent.id, failure_code=intent.decline_code)
    if payment.type == SALE:
        known = replace(known, checkout_url=intent.next_action_url)
    return await _apply(billing, connection, known, judgement)


async def _named(connection: Connection, metadata: Mapping[str, str]) -> Payment | None:
    """The payment that Stripe's object names, its row locked."""
    named = metadata.get("payment_id", "")
    return await payments.locked(connection, named) if decode(PREFIX, named) else None


async def _apply(billing: Billing, connection: Connection, payment: Payment, judgement: Judgement) -> Ignored | None:
    """`payment` bears the ids of what was judged already."""
    match judgement:
        case Ignored(reason):
            logger.warning("stripe_ignored", payment_id=payment.id, reason=reason)
            return judgement
        case Paid():
            await _credit(billing, connection, payment, judgement)
            if judgement.transaction is not None:
                await settle_transaction(billing, connection, judgement.transaction)
        case Became(status):
            if may_become(payment.status, status):
                await step(billing, connection, replace(payment, status=status))
    return None


async def _credit(billing: Billing, connection: Connection, payment: Payment, paid: Paid) -> None:
    """Once: the row is locked, and a paid payment has no way to `succeeded` any more. Of a sale there are no credits.
    The wallet is locked last, after the account's top-up setting, which a refund of this payment that the same
    transaction settles will want as well."""
    if not may_become(payment.status, Status.SUCCEEDED):
        return
    buys_credits = payment.type == CREDITS
    if buys_credits:
        await top_ups.locked(connection, payment.account_id)
    after = credited(
        replace(payment, failure_code=None),
        intent_id=paid.intent_id,
        charge_id=paid.charge_id,
        session_id=payment.session_id,
        transfer_id=new_uuid(at=billing.clock.real_now()) if buys_credits else None,
        at=billing.clock.now(),
    )
    await step(billing, connection, after)
    if buys_credits:
        await _post(billing, connection, after)
    await book(connection, payment_received(after), at=billing.clock.now())
    logger.info("payment_succeeded", payment_id=after.id, account_id=after.account_id, flags=list(after.flags))


async def _post(billing: Billing, connection: Connection, payment: Payment) -> None:
    assert payment.transfer_id is not None
    posted = await post_purchase(
        connection,
        account_id=payment.account_id,
        transfer_id=payment.transfer_id,
        millicredits=payment.millicredits,
        reference=payment.id,
        description=f"Purchase of {Credits(payment.millicredits)} credits",
        at=billing.clock.now(),
        real_now=billing.clock.real_now(),
    )
    assert posted.moved, "a payment without a transfer has had no credits"
