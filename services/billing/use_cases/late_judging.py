"""Judging payments that fraud could not be asked about in time, once it can.

What it says is saved with the payment. One that waits in review goes on where fraud allows it, as if a person had
approved it, and waits for a person where fraud wants one; one that fraud blocks is rejected, wherever it is by then.
"""

from dataclasses import replace
from typing import Literal

from services.billing.clients.fraud import FraudRefused, FraudUnavailable
from services.billing.domain.payment import Payment, Status
from services.billing.service import Billing
from services.billing.store import late_assessments, payments
from services.billing.store.late_assessments import PAGE, Late
from services.billing.store.review_decisions import Decided, Decision
from services.billing.use_cases.judging import assessed, is_unassessed
from services.billing.use_cases.payment_steps import save
from services.billing.use_cases.reviews import decide
from shared.contracts.assessments import Assessment
from shared.telemetry import logger_of

logger = logger_of("stripe")

LATE_EVERY_SECONDS = 2.0
BY_FRAUD: Literal["fraud"] = "fraud"
"""Who decided where no person did."""


async def judge_late(billing: Billing) -> bool:
    """Ask about a page of those that wait; whether there may be more. With fraud away the first of them ends it; one
    that fraud does not take keeps nobody waiting."""
    async with billing.database.transaction() as connection:
        due = await late_assessments.lease_due(connection, keys=billing.settings.seal_keys)
    for late in due:
        try:
            assessment = await billing.fraud.assess(late.asked)
        except FraudRefused as error:
            logger.error("fraud_refused", payment_id=late.payment_id, error=str(error))
            continue
        except FraudUnavailable as error:
            logger.warning("fraud_unavailable", payment_id=late.payment_id, error=str(error))
            return False
        await _take(billing, late, assessment)
    return len(due) == PAGE


async def _take(billing: Billing, late: Late, assessment: Assessment) -> None:
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, late.payment_id)
        if payment is not None and is_unassessed(payment):
            await save(billing, connection, replace(assessed(payment, assessment), status=payment.status))
            decided = _decided(payment, assessment)
            if decided is not None:
                await decide(billing, connection, Decision(payment.id, decided, BY_FRAUD), at=now)
        await late_assessments.remove(connection, late.payment_id)


def _decided(payment: Payment, assessment: Assessment) -> Decided | None:
    if assessment["decision"] == "block":
        return "rejected"
    held = payment.status is Status.IN_REVIEW
    return "approved" if held and assessment["decision"] == "allow" else None
