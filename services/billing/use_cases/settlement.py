"""What a Checkout Session's present state does to its payment: the one way by which money becomes credits.

Whoever has fetched a session (the worker of Stripe's events, the expiry loop, a cancellation) settles it here, in a
transaction of its own choosing. Settling the same state again changes nothing.
"""

from dataclasses import replace

from services.billing.domain.books.postings import payment_received
from services.billing.domain.checkout_session import Became, Ignored, Paid, SessionState, judge
from services.billing.domain.payment import PREFIX, Payment, Status, credited, may_become
from services.billing.service import Billing
from services.billing.store import payments
from services.billing.use_cases.bookkeeping import book, settle_transaction
from services.billing.use_cases.news import tell
from services.billing.use_cases.post_credit import post_purchase
from shared.db import Connection
from shared.ids import decode, new_uuid
from shared.money import Credits
from shared.telemetry import logger


async def settle(billing: Billing, connection: Connection, session: SessionState) -> Ignored | None:
    """Apply a session as Stripe has it now; Ignored with the reason where it is none of ours or does not match. The
    money's side of a payment is booked with its credits, and what the charge did to Stripe's balance where that is
    known already; else an event of the charge's brings it.

    Locks the payment's row, then (when crediting) its account's wallet. A state that arrives late, after a further
    one, finds no way in the table of states and changes nothing.
    """
    payment = await _payment_of(connection, session)
    if payment is None:
        return Ignored("no payment here has this session")
    judgement = judge(payment, session, livemode=billing.stripe.livemode)
    match judgement:
        case Ignored(reason):
            logger.warning("session_ignored", payment_id=payment.id, session_id=session.id, reason=reason)
            return judgement
        case Paid():
            await _credit(billing, connection, payment, session, judgement)
            if judgement.transaction is not None:
                await settle_transaction(billing, connection, judgement.transaction)
        case Became(status):
            await _move(billing, connection, payment, session, status)
    return None


async def _payment_of(connection: Connection, session: SessionState) -> Payment | None:
    named = session.metadata.get("payment_id", "")
    return await payments.locked(connection, named) if decode(PREFIX, named) else None


async def _credit(
    billing: Billing, connection: Connection, payment: Payment, session: SessionState, paid: Paid
) -> None:
    """Once: the row is locked, and a payment that has its transfer has no way to `succeeded` any more."""
    if not may_become(payment.status, Status.SUCCEEDED):
        return
    after = credited(
        payment,
        intent_id=paid.intent_id,
        charge_id=paid.charge_id,
        session_id=session.id,
        transfer_id=new_uuid(at=billing.clock.real_now()),
        at=billing.clock.now(),
    )
    await _post(billing, connection, after)
    await payments.save(connection, after, at=billing.clock.now())
    await book(connection, payment_received(after), at=billing.clock.now())
    await tell(billing, connection, after)
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


async def _move(
    billing: Billing, connection: Connection, payment: Payment, session: SessionState, status: Status
) -> None:
    if not may_become(payment.status, status):
        return
    intent_id = session.intent.id if session.intent else payment.intent_id
    after = replace(payment, status=status, session_id=session.id, intent_id=intent_id)
    await payments.save(connection, after, at=billing.clock.now())
    await tell(billing, connection, after)
