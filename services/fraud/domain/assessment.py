"""The judgement of a payment: hard gates first, each with a code of its own (U9).

Scores are integers from 0 to 100. Today the gates are the whole judgement: a listed payment is blocked, score 100; any
other is allowed, score 0. The decision's limits (S15: 85 blocked, 70 held for review) belong to the score that rules
and a model will give.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.fraud.domain.blacklist import Entry, Kind, Traits, hits

Decision = Literal["allow", "review", "block"]

ID_PREFIX = "asm"
HIGHEST_SCORE = 100

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
class Payment:
    """The facts of one payment; the amount is in US cents, whatever its currency."""

    payment_id: str
    account_id: str
    kind: Literal["credits", "sale"]
    amount_usd_minor: int
    currency: str
    traits: Traits


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, in a stable code and in words that the customer may read."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was judged, and by which entries."""

    decision: Decision
    score: int
    reasons: tuple[Reason, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict on record. One payment has one assessment for ever."""

    id: str
    payment_id: str
    account_id: str
    decision: Decision
    score: int
    reasons: tuple[Reason, ...]
    created_at: datetime


def judge(payment: Payment, entries: Iterable[Entry], *, at: datetime) -> Verdict:
    """The verdict on a payment, given the blacklist's entries that may concern it."""
    biting = hits(entries, payment.traits, at=at)
    if not biting:
        return Verdict("allow", 0, (), ())
    kinds = dict.fromkeys(entry.kind for entry in biting)
    reasons = tuple(Reason(f"blacklisted_{kind}", _LISTED[kind]) for kind in kinds)
    return Verdict("block", HIGHEST_SCORE, reasons, tuple(biting))


def snapshot(payment: Payment, verdict: Verdict) -> dict[str, object]:
    """The features that were judged, for the record and for backtests; the address itself is kept apart, sealed."""
    traits = payment.traits
    return {
        "kind": payment.kind,
        "amount_usd_minor": payment.amount_usd_minor,
        "currency": payment.currency,
        "email": traits.email_match,
        "domain": traits.domain_match,
        "card": traits.card_fingerprint,
        "device": traits.device_id,
        "ip": traits.ip_match,
        "blacklist": [entry.id for entry in verdict.entries],
    }
