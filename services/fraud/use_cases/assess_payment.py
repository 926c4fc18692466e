"""Judging a payment: once, whoever asks how often (U9).

What PostgreSQL knows, in one round trip; what Redis has counted, in one script call, or nothing where it is away or
slow; then signals, gates, rules, models, the score and its decision, which decide without I/O; at last the record,
with a case where a person is to look. `domain/assessment.py` has the order.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client import Counter

from services.fraud.domain.assessment import (
    ID_PREFIX,
    Assessment,
    Found,
    Guess,
    Judgement,
    case_of,
    gated,
    scored,
)
from services.fraud.domain.facts import Background, Payment
from services.fraud.domain.model_features import features_of
from services.fraud.domain.score import as_number
from services.fraud.domain.signal_making.all_signals import signals_of
from services.fraud.domain.signals import FEATURES_VERSION, Signals
from services.fraud.domain.velocity import HistoryReading, VelocityEvent, VelocityReading
from services.fraud.service import Fraud
from services.fraud.store import assessments, backgrounds
from services.fraud.store.velocity import VelocityDown
from services.fraud.use_cases.cases import open_case
from shared.errors import DomainError
from shared.ids import new_id
from shared.telemetry import REGISTRY, logger

_JUDGED = Counter("tollgate_assessments", "Payments judged, by decision.", ["decision"], registry=REGISTRY)
_WITHOUT_FEATURES = Counter(
    "tollgate_assessments_without_features", "Payments judged without the counters.", registry=REGISTRY
)

Counted = tuple[VelocityReading, HistoryReading]


async def assess_payment(fraud: Fraud, payment: Payment) -> Assessment:
    """The payment's assessment: made now and kept, or the one that it has. Raises `assessment_conflict` where the
    payment was judged as another account's."""
    known, background = await backgrounds.read(fraud.database, payment, at=fraud.clock.now())
    if known is not None:
        return _same_account(known, payment)
    judgement = await judge(fraud, payment, background)
    made = await _kept(fraud, judgement)
    if made is None:
        known, _ = await backgrounds.read(fraud.database, payment, at=fraud.clock.now())
        assert known is not None, "the twin was committed, or the insert would have waited"
        return _same_account(known, payment)
    _tell(made)
    return made


async def try_payment(fraud: Fraud, payment: Payment) -> Assessment:
    """What the payment's assessment would be. It counts in Redis; it has an id, but is not on record."""
    _, background = await backgrounds.read(fraud.database, payment, at=fraud.clock.now())
    return _assessment(fraud, await judge(fraud, payment, background))


async def judge(fraud: Fraud, payment: Payment, background: Background) -> Judgement:
    """What is to be said of a payment. It counts in Redis, once; nothing is written down."""
    now, seen_at = fraud.clock.now(), fraud.clock.real_now()
    counted = await _counted(fraud, payment, now)
    signals = signals_of(
        payment,
        background,
        counted[0] if counted else None,
        seen_at=seen_at,
        disposable_domains=fraud.disposable_domains,
    )
    found, rules = await _found(fraud, payment, signals, counted, at=now)
    verdict = gated(payment, background.entries, at=now) or scored(found, fraud.settings.score_limits)
    versions = {
        "features": FEATURES_VERSION,
        "rules": rules,
        "model": found.guess.version if found.guess else None,
        "shadow_model": found.shadow_guess.version if found.shadow_guess else None,
        "lists": background.lists_version,
    }
    return Judgement(payment, verdict, signals, found, background.network, versions, seen_at)


async def _counted(fraud: Fraud, payment: Payment, now: datetime) -> Counted | None:
    traits = payment.traits
    event = VelocityEvent(
        payment_id=payment.payment_id,
        at=min(payment.occurred_at, now),
        amount_usd_minor=payment.amount_usd_minor,
        account=payment.account_id,
        card=traits.card_fingerprint,
        ip=traits.ip_match,
        device=traits.device_id,
        mailbox=payment.mailbox_hash,
    )
    try:
        return await fraud.velocity.read_and_count(event, now=now)
    except VelocityDown as error:
        _WITHOUT_FEATURES.inc()
        logger.warning("features_unavailable", payment_id=payment.payment_id, error=str(error))
        return None


async def _found(
    fraud: Fraud, payment: Payment, signals: Signals, counted: Counted | None, *, at: datetime
) -> tuple[Found, dict[str, int]]:
    """What rules and models say, and the live rules' versions. A model knows a payment by what came before it: where
    that could not be read it is not asked."""
    ruleset, sleeping = await fraud.rules.find()
    traits = {str(kind): value for kind, value in payment.shared_traits().items()}
    judged = ruleset.judge(signals, at=at, snoozes=sleeping.of({"account": payment.account_id, **traits}))
    for rule_id in judged.failed:
        logger.warning("rule_failed", rule_id=rule_id, payment_id=payment.payment_id)
    guess, shadow_guess = (None, None) if counted is None else _guesses(fraud, payment, counted[1])
    found = Found(judged.fired, judged.shadow, guess, shadow_guess, has_features=counted is not None)
    return found, dict(ruleset.versions)


def _guesses(fraud: Fraud, payment: Payment, history: HistoryReading) -> tuple[Guess, Guess | None]:
    second = int(payment.occurred_at.timestamp())
    features = features_of(payment.amount_usd_minor, second, history.account, history.terminal)
    live, shadow = fraud.models.live, fraud.models.shadow
    guess = Guess(live.version, live.probability_ppm(features))
    return guess, None if shadow is None else Guess(shadow.version, shadow.probability_ppm(features))


async def _kept(fraud: Fraud, judgement: Judgement) -> Assessment | None:
    """The assessment, written; with its case in one transaction where it opens one. None where a twin was first."""
    made, keys = _assessment(fraud, judgement), fraud.settings.seal_keys
    kind = case_of(judgement.verdict, judgement.payment, from_minor=fraud.settings.fraud_case_from_minor)
    if kind is None:
        return made if await assessments.insert(fraud.database, made, judgement, keys) else None
    async with fraud.database.transaction() as connection:
        if not await assessments.insert_within(connection, made, judgement, keys):
            return None
        case_id = await open_case(
            connection,
            payment_id=made.payment_id,
            account_id=made.account_id,
            kind=kind,
            score_hundredths=made.score_hundredths,
            reasons=made.reasons,
            signals=judgement.signals,
            at=made.created_at,
            due_at=made.created_at + timedelta(hours=fraud.settings.fraud_case_due_hours),
        )
    return replace(made, case_id=case_id)


def _assessment(fraud: Fraud, judgement: Judgement) -> Assessment:
    verdict, payment = judgement.verdict, judgement.payment
    return Assessment(
        id=new_id(ID_PREFIX, at=judgement.seen_at),
        payment_id=payment.payment_id,
        account_id=payment.account_id,
        decision=verdict.decision,
        score_hundredths=verdict.score_hundredths,
        reasons=verdict.reasons,
        created_at=fraud.clock.now(),
    )


def _tell(made: Assessment) -> None:
    _JUDGED.labels(made.decision).inc()
    logger.info(
        "payment_assessed",
        payment_id=made.payment_id,
        decision=made.decision,
        score=as_number(made.score_hundredths),
        reasons=[reason.code for reason in made.reasons],
    )


def _same_account(known: Assessment, payment: Payment) -> Assessment:
    if known.account_id != payment.account_id:
        raise DomainError("assessment_conflict", "This payment was assessed as another account's.")
    return known
