"""Doing what was decided of payments that were held (S15): an operator's decision comes with fraud's news, fraud's own
late one from `late_judging`.

A decision is a row first, and is done afterwards by a loop, since it asks Stripe: each has its effect once, in
whatever order decisions, judgements and customers' own steps arrive. Approved: a checkout gets its page, a saved card
is charged. Rejected: blocked, unless it was paid already, which a mark tells operators. What has ended otherwise stays.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.checkouts import end_session
from services.billing.domain.payment import (
    AT_THE_PAGE,
    FLAG_REJECTED,
    PAID,
    SALE,
    UNDER_WAY,
    Payment,
    Status,
    flagged,
)
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.top_up import AUTO_TOP_UP
from services.billing.service import Billing
from services.billing.store import payments, review_decisions
from services.billing.store.review_decisions import PAGE, Decision
from services.billing.use_cases.auto_top_up import release_top_up
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.checkout import release_checkout
from services.billing.use_cases.payment_steps import save, step
from services.billing.use_cases.review_mails import mail_rejected
from services.billing.use_cases.sales import release_sale
from services.billing.use_cases.settlement import settle_session
from shared.db import Connection
from shared.http_client import SiblingUnavailable
from shared.telemetry import logger_of

logger = logger_of("stripe")

REVIEWS_EVERY_SECONDS = 1.0
PAGE_LASTS = timedelta(hours=23)
"""How long an approved checkout can be paid; Stripe keeps no page longer than a day."""
PAGE_RESTS = timedelta(hours=1)
"""A page that was begun to be made and has no longer to live is begun anew."""
_COMMITTED_IN_SECONDS = 0.1

Release = Callable[[Billing, Payment], Awaitable[bool]]
RELEASES: Mapping[str, Release] = {AUTO_TOP_UP: release_top_up, SALE: release_sale}
"""By a payment's origin: goes on with a held payment that was approved, once however often it is called; False where
it is not held any more, or ended there. A checkout's is here, since its page's end is kept with the decision."""


async def decide(billing: Billing, connection: Connection, decision: Decision, *, at: datetime) -> None:
    """Take a decision down, in the transaction that heard of it; the loop does it at once."""
    if await review_decisions.add(connection, decision, at=at):
        asyncio.get_running_loop().call_later(_COMMITTED_IN_SECONDS, billing.reviews_bell.set)


async def do_decisions(billing: Billing) -> bool:
    """Do a page of what was decided; whether there may be more. What can't be done yet waits, and the others go on."""
    async with billing.database.transaction() as connection:
        due = await review_decisions.lease_due(connection)
    for decision in due:
        try:
            with caused_by(CauseKind.REVIEW, decision.decided_by):
                await _do(billing, decision)
        except (StripeUnavailable, StripeRefused, SiblingUnavailable) as error:
            logger.warning("decision_waits", payment_id=decision.payment_id, error=str(error))
    return len(due) == PAGE


async def _do(billing: Billing, decision: Decision) -> None:
    async with billing.database.transaction() as connection:
        payment = await payments.find(connection, decision.payment_id)
    if payment is None:
        await _close(billing, decision, "no_such_payment")
    elif decision.decided == "approved":
        await _approve(billing, decision, payment)
    else:
        await _reject(billing, decision, payment)


async def _approve(billing: Billing, decision: Decision, payment: Payment) -> None:
    """One whose judgement is just being saved is looked at again."""
    if payment.status is Status.IN_REVIEW:
        release = RELEASES.get(payment.origin)
        if release is not None:
            went_on = await release(billing, payment)
        else:
            went_on = await release_checkout(billing, payment, until=await _page_end(billing, decision))
        await _close(billing, decision, "released" if went_on else "not_held")
    elif not _is_being_judged(payment):
        await _close(billing, decision, "not_held")


async def _page_end(billing: Billing, decision: Decision) -> datetime:
    """When the page ends: said before it is made, so that one whose answer was lost is asked for in the same words."""
    now = billing.clock.now()
    if decision.page_until is not None and decision.page_until - now > PAGE_RESTS:
        return decision.page_until
    until = (now + PAGE_LASTS).replace(microsecond=0)
    async with billing.database.transaction() as connection:
        await review_decisions.keep_page_end(connection, decision.payment_id, until)
    return until


async def _reject(billing: Billing, decision: Decision, payment: Payment) -> None:
    """A page is ended first: only Stripe knows whether it was paid in this very moment. One that Stripe is processing,
    or whose card is being charged, is looked at again once that has ended."""
    session = None
    if payment.status in AT_THE_PAGE and payment.session_id is not None:
        session = await end_session(billing.stripe, payment.session_id)
    async with billing.database.transaction() as connection:
        if session is not None and session.status != "expired":
            await settle_session(billing, connection, session)
        current = await payments.locked(connection, payment.id)
        assert current is not None
        is_its_page = session is not None and current.session_id == session.id
        over = is_its_page and current.status in AT_THE_PAGE | {Status.EXPIRED}  # its event may be faster than we are
        outcome = await _end(billing, connection, current, page_is_over=over)
        if outcome is not None:
            await review_decisions.close(connection, decision, outcome, at=billing.clock.now())


async def _end(billing: Billing, connection: Connection, payment: Payment, *, page_is_over: bool) -> str | None:
    """What became of a rejected payment, its row being locked; None where it has not ended yet."""
    if payment.status is Status.IN_REVIEW or page_is_over:
        blocked = replace(payment, status=Status.BLOCKED)
        await step(billing, connection, blocked)
        await mail_rejected(connection, blocked, at=billing.clock.now())
        return "blocked"
    if payment.status in PAID:
        await save(billing, connection, flagged(payment, FLAG_REJECTED))
        return "paid_already"
    return None if payment.status in UNDER_WAY else "not_held"


def _is_being_judged(payment: Payment) -> bool:
    """Fraud's answer to it may not be saved yet."""
    return payment.status is Status.PENDING and payment.session_id is None and payment.intent_id is None


async def _close(billing: Billing, decision: Decision, outcome: str) -> None:
    async with billing.database.transaction() as connection:
        await review_decisions.close(connection, decision, outcome, at=billing.clock.now())
    logger.info("decision_done", payment_id=decision.payment_id, decided=decision.decided, outcome=outcome)
