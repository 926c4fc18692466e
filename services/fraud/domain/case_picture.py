"""The whole picture of a case: what a person needs to decide it, as fraud knows it. Amounts are US cents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.fraud.domain.assessment import Reason
from services.fraud.domain.case import Case, Step
from services.fraud.domain.label import Label
from services.fraud.domain.score import Decision
from services.fraud.domain.signals import SIGNALS, Signals, Value


@dataclass(frozen=True, slots=True)
class Record:
    """An assessment as it was kept. `fired` and `shadow` are rules, `{rule_id, version, weight_bp}` each."""

    id: str
    decision: Decision
    score_hundredths: int
    reasons: tuple[Reason, ...]
    versions: Mapping[str, Any]
    fired: tuple[Mapping[str, Any], ...]
    shadow: tuple[Mapping[str, Any], ...]
    probability_ppm: int | None
    amount_usd_minor: int | None
    kind: str | None
    country: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JudgedPayment:
    """Another payment of the account. `status` is the last that billing told, None before it did; `is_fraud` what it is
    known to have been."""

    payment_id: str
    kind: str | None
    amount_usd_minor: int | None
    decision: Decision
    score_hundredths: int
    created_at: datetime
    status: str | None
    is_fraud: bool | None = None


@dataclass(frozen=True, slots=True)
class CaseCount:
    """How often an account was looked at, and how often somebody rejected."""

    cases: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """Another account, by what it shares with this one (card, device, ip, mailbox), and since when."""

    account_id: str
    shared: tuple[str, ...]
    first_at: datetime
    count: CaseCount = CaseCount()


@dataclass(frozen=True, slots=True)
class SaidSignal:
    """A signal in words."""

    name: str
    value: Value
    meaning: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything about one case. Lists are newest first, but for the history and the labels."""

    case: Case
    payment_status: str | None
    record: Record | None
    blockable: Sequence[str]
    labels: Sequence[Label]
    payments: Sequence[JudgedPayment]
    cases: Sequence[Case]
    links: Sequence[Link]
    history: Sequence[Step]


def said(signals: Signals) -> list[SaidSignal]:
    """The signals of a case that say something, in the vocabulary's order; those that are not known are left out, and
    one that the vocabulary no longer has keeps its name for a meaning."""
    known = [
        SaidSignal(name, signals[name], signal.meaning)
        for name, signal in SIGNALS.items()
        if name in signals and signals[name] != signal.unknown
    ]
    return known + [SaidSignal(name, value, name) for name, value in signals.items() if name not in SIGNALS]
