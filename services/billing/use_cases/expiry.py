"""Looking after payments that are under way: what was left frees its reservation, what was missed is found.

Stripe has the last word: nothing is expired here without ending its page first, and a page that turns out to be paid
is credited (a missed event does not lose money).
"""

from dataclasses import replace
from datetime import timedelta

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.checkouts import end_session, find_session
from services.billing.domain.checkout_session import SessionState
from services.billing.domain.payment import AT_THE_PAGE, SALE, Payment, PaymentId, Status, may_become
from services.billing.domain.payment_step import CauseKind
from services.billing.service import Billing
from services.billing.store import payments
from services.billing.use_cases import sales
from services.billing.use_cases.auto_top_up import pursue
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.payment_steps import step
from services.billing.use_cases.settlement import settle_session
from shared.telemetry import logger_of

logger = logger_of("stripe")

ABANDONED_AFTER = timedelta(minutes=2)
"""A checkout that has no page by then has died with its process."""

BATCH = 16
LEASE_SECONDS = 60


async def look_after_payments(billing: Billing) -> bool:
    """One batch; whether there may be more."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        due = await payments.lease_due(
            connection, now=now, abandoned_before=now - ABANDONED_AFTER, lease_seconds=LEASE_SECONDS, limit=BATCH
        )
    for payment_id in due:
        try:
            with caused_by(CauseKind.EXPIRY):
                await _look_after(billing, payment_id)
        except (StripeUnavailable, StripeRefused) as error:
            logger.warning("payment_not_looked_after", payment_id=payment_id, error=str(error))
    return len(due) == BATCH


async def _look_after(billing: Billing, payment_id: PaymentId) -> None:
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, payment_id)
    if payment is None:
        return
    if payment.type == SALE:
        await sales.pursue(billing, payment)
        return
    if payment.card_id is not None and payment.session_id is None:
        await pursue(billing, payment)
        return
    overdue = payment.status in AT_THE_PAGE and payment.expires_at <= billing.clock.now()
    if payment.session_id is None:
        await _expire(billing, payment, None)
    elif overdue:
        await _expire(billing, payment, await end_session(billing.stripe, payment.session_id))
    else:
        await _catch_up(billing, payment_id, await find_session(billing.stripe, payment.session_id))


async def _catch_up(billing: Billing, payment_id: PaymentId, session: SessionState | None) -> None:
    """It was only silent, and may fall due as soon as it likes: the lease ends with the look."""
    async with billing.database.transaction() as connection:
        if session is not None:
            await settle_session(billing, connection, session)
        await payments.end_lease(connection, payment_id)


async def _expire(billing: Billing, payment: Payment, session: SessionState | None) -> None:
    """Settle what Stripe says; what is then still at a page that is gone has expired."""
    async with billing.database.transaction() as connection:
        if session is not None:
            await settle_session(billing, connection, session)
            if session.status == "open":
                return
        current = await payments.locked(connection, payment.id)
        assert current is not None
        gone = current.status in AT_THE_PAGE and current.session_id == payment.session_id
        if gone and may_become(current.status, Status.EXPIRED):
            expired = replace(current, status=Status.EXPIRED)
            await step(billing, connection, expired)
