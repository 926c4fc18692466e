"""Fraud's judgement of a payment, whoever asks for it: a checkout, an automatic top-up, a sale.

Asked once the payment is reserved and before anything of it is at Stripe, outside any transaction. The answer is the
payment as it should be: pending, in review or blocked; saving it is for whoever asked.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.billing.clients.fraud import FraudUnavailable
from services.billing.domain.payment import FLAG_UNASSESSED, Payment, Reason, Status, flagged, may_become
from services.billing.domain.score import read_score
from services.billing.service import Billing
from services.billing.settings import Tier
from services.billing.store import payments
from services.billing.use_cases.payment_steps import step
from shared.contracts.assessments import Assessment, AssessmentRequest
from shared.telemetry import logger_of

logger = logger_of("stripe")

Origin = Literal["checkout", "auto_top_up", "sale"]


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who pays, as the gateway vouches for it. Hashes and traits of the request are None where they are not known."""

    account_id: str
    tier: Tier
    credit_limit_minor: int | None
    ip: str | None
    email_hash: str | None
    domain_hash: str | None
    mailbox_hash: str | None = None
    user_agent: str | None = None
    session_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is known of a payment when it is judged."""

    origin: Origin
    business_type: str | None = None
    device_id: str | None = None
    card_fingerprint: str | None = None
    card_country: str | None = None
    card_funding: str | None = None


async def assess(billing: Billing, buyer: Buyer, payment: Payment, facts: Facts) -> Payment:
    """The payment as fraud judges it: pending, in review or blocked. Not saved yet."""
    try:
        assessment = await billing.fraud.assess(_request(buyer, payment, facts))
    except FraudUnavailable as error:
        logger.warning("fraud_unavailable", payment_id=payment.id, error=str(error))
        return _unassessed(payment, billing.settings.fraud_away_floor_minor)
    return _assessed(payment, assessment)


async def begin_release(billing: Billing, payment_id: str, *, expires_at: datetime) -> Payment | None:
    """A payment that was held, pending from now on and until then; None where it is not held any more (its customer
    left it, or somebody else released it): nothing of it may be charged then."""
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, payment_id)
        if payment is None or payment.status is not Status.IN_REVIEW:
            return None
        assert may_become(payment.status, Status.PENDING)
        released = replace(payment, status=Status.PENDING, expires_at=expires_at)
        await step(billing, connection, released)
        return released


def _request(buyer: Buyer, payment: Payment, facts: Facts) -> AssessmentRequest:
    return {
        "payment_id": payment.id,
        "account_id": payment.account_id,
        "kind": "sale" if facts.origin == "sale" else "credits",
        "amount_usd_minor": payment.usd_minor,
        "currency": payment.amount.currency,
        "ip": buyer.ip,
        "device_id": facts.device_id,
        "email_hash": buyer.email_hash,
        "domain_hash": buyer.domain_hash,
        "card_fingerprint": facts.card_fingerprint,
    }


def _assessed(payment: Payment, assessment: Assessment) -> Payment:
    status = {"allow": Status.PENDING, "review": Status.IN_REVIEW, "block": Status.BLOCKED}[assessment["decision"]]
    return replace(
        payment,
        status=status,
        assessment_id=assessment["id"],
        score=read_score(assessment["score"]),
        reasons=tuple(Reason(reason["code"], reason["detail"]) for reason in assessment["reasons"]),
    )


def _unassessed(payment: Payment, floor_minor: int | None) -> Payment:
    """Without fraud: small ones go on, flagged; larger ones wait for a person."""
    goes_on = floor_minor is None or payment.usd_minor <= floor_minor
    return replace(flagged(payment, FLAG_UNASSESSED), status=Status.PENDING if goes_on else Status.IN_REVIEW)
