"""Judging a payment: once, whoever asks how often."""

from services.fraud.domain.assessment import (
    ID_PREFIX,
    Assessment,
    Payment,
    judge,
    snapshot,
)
from services.fraud.domain.signals import FEATURES_VERSION
from services.fraud.service import Fraud
from services.fraud.store import assessments, blacklist
from shared.errors import DomainError
from shared.ids import new_id
from shared.telemetry import logger

VERSIONS = {"features": FEATURES_VERSION}


async def assess_payment(fraud: Fraud, payment: Payment) -> Assessment:
    """The payment's assessment: made now, or the one that it has. Raises `assessment_conflict` where the payment was
    judged as another account's."""
    async with fraud.database.transaction() as connection:
        known = await assessments.find(connection, payment.payment_id)
        if known is not None:
            return _same_account(known, payment)
        now = fraud.clock.now()
        verdict = judge(payment, await blacklist.candidates(connection, payment.traits, at=now), at=now)
        made = Assessment(
            id=new_id(ID_PREFIX, at=fraud.clock.real_now()),
            payment_id=payment.payment_id,
            account_id=payment.account_id,
            decision=verdict.decision,
            score=verdict.score,
            reasons=verdict.reasons,
            created_at=now,
        )
        is_first = await assessments.insert(
            connection,
            made,
            versions=VERSIONS,
            snapshot=snapshot(payment, verdict),
            ip=None if payment.traits.ip is None else str(payment.traits.ip),
            keys=fraud.settings.seal_keys,
        )
        if not is_first:
            known = await assessments.find(connection, payment.payment_id)
            assert known is not None, "the twin was committed, or the insert would have waited"
            return _same_account(known, payment)
    codes = [reason.code for reason in made.reasons]
    logger.info("payment_assessed", payment_id=made.payment_id, decision=made.decision, score=made.score, reasons=codes)
    return made


def _same_account(known: Assessment, payment: Payment) -> Assessment:
    if known.account_id != payment.account_id:
        raise DomainError("assessment_conflict", "This payment was assessed as another account's.")
    return known
