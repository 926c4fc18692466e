"""The judgement of a payment: hard gates first, each with a code of its own, then rules and model to a score (U9).

Scores are hundredths, 0 to 10,000. A gate is never part of the sum: a listed payment is blocked with the highest score
whatever else is known of it. Words of reasons are for the customer too: they name no limit and no count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.fraud.domain.blacklist import Entry, Kind, hits
from services.fraud.domain.facts import Network, Payment
from services.fraud.domain.rules.ruleset import Fired
from services.fraud.domain.score import HIGHEST_HUNDREDTHS, Decision, Limits, decision_of, score_of
from services.fraud.domain.signals import Signals

ID_PREFIX = "asm"
CaseKind = Literal["held", "watch"]

FEATURES_UNAVAILABLE = "features_unavailable"
MODEL_RISK = "model_risk"
TOLD_FROM_PPM = 200_000
"""From which probability on the model's word is a reason worth a person's reading."""

_LISTED: Mapping[Kind, str] = {
    "email": "The email address is on the blacklist.",
    "domain": "The email address's domain is on the blacklist.",
    "card": "The card is on the blacklist.",
    "device": "The device is on the blacklist.",
    "ip": "The address that the payment came from is on the blacklist.",
    "network": "The network that the payment came from is on the blacklist.",
    "account": "The account is on the blacklist.",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, in a stable code and in words that the customer may read."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Guess:
    """What a model says, in parts per million, and which version of it."""

    version: str
    ppm: int


@dataclass(frozen=True, slots=True)
class Found:
    """All that speaks about a payment beside the gates. `guess` is None where no model could be asked; what is in
    shadow decides nothing."""

    fired: tuple[Fired, ...] = ()
    shadow: tuple[Fired, ...] = ()
    guess: Guess | None = None
    shadow_guess: Guess | None = None
    has_features: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was judged, and by which entries of the blacklist. Reasons are sorted by weight, the heaviest first."""

    decision: Decision
    score_hundredths: int
    reasons: tuple[Reason, ...]
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict on record. One payment has one assessment for ever."""

    id: str
    payment_id: str
    account_id: str
    decision: Decision
    score_hundredths: int
    reasons: tuple[Reason, ...]
    created_at: datetime
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with all that it was made of: what is kept. `seen_at` is real time."""

    payment: Payment
    verdict: Verdict
    signals: Signals
    found: Found
    network: Network | None
    versions: Mapping[str, object]
    seen_at: datetime


def gated(payment: Payment, entries: Iterable[Entry], *, at: datetime) -> Verdict | None:
    """The verdict where the blacklist has one; None where no live entry bites."""
    biting = hits(entries, payment.traits, at=at)
    if not biting:
        return None
    kinds = dict.fromkeys(entry.kind for entry in biting)
    reasons = tuple(Reason(f"blacklisted_{kind}", _LISTED[kind]) for kind in kinds)
    return Verdict("block", HIGHEST_HUNDREDTHS, reasons, tuple(biting))


def scored(found: Found, limits: Limits) -> Verdict:
    """The verdict by score. Without a model the rules alone speak."""
    ppm = found.guess.ppm if found.guess else 0
    hundredths = score_of(ppm, (each.weight_bp for each in found.fired))
    return Verdict(decision_of(hundredths, limits), hundredths, _reasons(found))


def _reasons(found: Found) -> tuple[Reason, ...]:
    weighed = [(each.weight_bp * 100, Reason(each.code, each.detail)) for each in found.fired]
    if found.guess is not None and found.guess.ppm >= TOLD_FROM_PPM:
        weighed.append((found.guess.ppm, Reason(MODEL_RISK, "The payment is like others that turned out to be fraud.")))
    ordered = [reason for _, reason in sorted(weighed, key=lambda each: (-each[0], each[1].code))]
    if not found.has_features:
        ordered.append(Reason(FEATURES_UNAVAILABLE, "Recent activity could not be looked at."))
    return tuple(ordered)


def case_of(verdict: Verdict, payment: Payment, *, from_minor: int) -> CaseKind | None:
    """What a person is to do with it (S15): decide on a payment that is held, watch a large one that goes on."""
    if verdict.decision == "review":
        return "held"
    return "watch" if verdict.decision == "allow" and payment.amount_usd_minor >= from_minor else None


def snapshot_of(payment: Payment, signals: Signals, verdict: Verdict) -> dict[str, object]:
    """What was judged, for the record and for backtests; the address itself is kept apart, sealed."""
    traits = payment.traits
    return {
        "signals": dict(signals),
        "traits": {
            "email": traits.email_match,
            "domain": traits.domain_match,
            "card": traits.card_fingerprint,
            "device": traits.device_id,
            "ip": traits.ip_match,
            "mailbox": payment.mailbox_hash,
        },
        "blacklist": [entry.id for entry in verdict.entries],
    }


def fired_as_kept(fired: Sequence[Fired]) -> list[dict[str, object]]:
    """Rules as an assessment keeps them."""
    return [{"rule_id": each.rule_id, "version": each.version, "weight_bp": each.weight_bp} for each in fired]
