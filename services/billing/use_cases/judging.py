"""Fraud's judgement of a payment, whoever asks for it: a checkout, an automatic top-up, a sale.

Asked once the payment is reserved and before anything of it is at Stripe, outside any transaction. The answer is the
payment as it should be: pending, in review or blocked; saving it is for whoever asked.

While fraud is away, billing's own copy of the blacklist blocks, what is up to the tier's floor goes on flagged, and the
rest waits in review. Fraud judges both as soon as it is back (`late_judging`).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.billing.clients.fraud import FraudUnavailable
from services.billing.domain.blacklist import WORDS, Kind, Looks, looks_of, readable_address
from services.billing.domain.payment import FLAG_UNASSESSED, Payment, Reason, Status, flagged, may_become
from services.billing.domain.score import HIGHEST, read_score
from services.billing.service import Billing
from services.billing.settings import Tier
from services.billing.store import blacklist_copy, late_assessments, payments
from services.billing.use_cases.payment_steps import step
from shared.contracts.assessments import Assessment, AssessmentRequest
from shared.contracts.identity_hashes import address_hash
from shared.ids import decode
from shared.telemetry import logger_of

logger = logger_of("stripe")

Origin = Literal["checkout", "auto_top_up", "sale"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_AGENT = 500
_ID_TIME_SHIFT = 80
_LAST_READABLE_MS = 253_402_300_799_999


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
    asked = await _request(billing, buyer, payment, facts)
    try:
        return assessed(payment, await billing.fraud.assess(asked))
    except FraudUnavailable as error:
        logger.warning("fraud_unavailable", payment_id=payment.id, error=str(error))
    return await _without_fraud(billing, buyer, payment, asked)


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


def assessed(payment: Payment, assessment: Assessment) -> Payment:
    """The payment with what fraud says of it."""
    status = {"allow": Status.PENDING, "review": Status.IN_REVIEW, "block": Status.BLOCKED}[assessment["decision"]]
    return replace(
        payment,
        status=status,
        assessment_id=assessment["id"],
        score=read_score(assessment["score"]),
        reasons=tuple(Reason(reason["code"], reason["detail"]) for reason in assessment["reasons"]),
    )


async def _request(billing: Billing, buyer: Buyer, payment: Payment, facts: Facts) -> AssessmentRequest:
    async with billing.database.transaction() as connection:
        paid_payments, paid_sales = await payments.paid_counts(connection, payment.account_id)
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
        "tier": buyer.tier,
        "business_type": facts.business_type,
        "origin": facts.origin,
        "user_agent": None if buyer.user_agent is None else buyer.user_agent[:_LONGEST_AGENT],
        "session_hash": buyer.session_hash,
        "mailbox_hash": buyer.mailbox_hash,
        "card_country": facts.card_country,
        "card_funding": facts.card_funding,
        "account_created_at": _created_at(payment.account_id),
        "paid_payments": paid_payments,
        "first_sale": facts.origin == "sale" and paid_sales == 0,
        "occurred_at": payment.created_at.isoformat(),
    }


def _created_at(account_id: str) -> str | None:
    """An account's id begins with when it was made."""
    bits = decode("acct", account_id)
    unix_ms = 0 if bits is None else bits.int >> _ID_TIME_SHIFT
    if bits is None or unix_ms > _LAST_READABLE_MS:
        return None
    return (_EPOCH + timedelta(milliseconds=unix_ms)).isoformat()


async def _without_fraud(billing: Billing, buyer: Buyer, payment: Payment, asked: AssessmentRequest) -> Payment:
    """What fraud would have been told is kept for when it is back, unless the payment is over by its blacklist."""
    floor_minor = billing.settings.fraud_away_floor(buyer.tier, buyer.credit_limit_minor)
    async with billing.database.transaction() as connection:
        kinds = await blacklist_copy.biting(connection, _looks(billing, asked), at=billing.clock.now())
        if not kinds:
            keys = billing.settings.seal_keys
            await late_assessments.add(connection, asked, keys=keys, at=billing.clock.now())
    return _listed(payment, kinds) if kinds else _unassessed(payment, floor_minor)


def _looks(billing: Billing, asked: AssessmentRequest) -> Looks:
    address = readable_address(asked["ip"])
    return looks_of(
        account_id=asked["account_id"],
        email_hash=asked["email_hash"],
        domain_hash=asked["domain_hash"],
        card_fingerprint=asked["card_fingerprint"],
        device_id=asked["device_id"],
        address=address,
        address_hash=None if address is None else address_hash(str(address), billing.settings.blind_index_key),
    )


def _listed(payment: Payment, kinds: list[Kind]) -> Payment:
    reasons = tuple(Reason(f"blacklisted_{kind}", WORDS[kind]) for kind in kinds)
    listed = replace(payment, status=Status.BLOCKED, score=HIGHEST, reasons=reasons)
    return flagged(listed, FLAG_UNASSESSED)


def _unassessed(payment: Payment, floor_minor: int) -> Payment:
    """Small ones go on, flagged; larger ones wait."""
    goes_on = payment.usd_minor <= floor_minor
    return replace(flagged(payment, FLAG_UNASSESSED), status=Status.PENDING if goes_on else Status.IN_REVIEW)


def is_unassessed(payment: Payment) -> bool:
    """Whether fraud has not said anything of it yet, though it was asked."""
    return payment.assessment_id is None and FLAG_UNASSESSED in payment.flags
