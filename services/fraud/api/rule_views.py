"""Rules as operators see them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from typing_extensions import TypedDict

from services.fraud.domain.rules.rule import Rule, SnoozeKind, State, Tally, Version
from services.fraud.domain.score import Decision
from services.fraud.domain.signals import Signal, Value
from services.fraud.store.backtests import KeptBacktest
from services.fraud.store.rule_hits import Hit
from services.fraud.store.snoozes import KeptSnooze
from services.fraud.use_cases.look_at_rules import Picture


class RuleVersionView(TypedDict):
    """One version, which never changes but for its state. `weight_bp` is the share of trust that it takes where it
    fires, in basis points."""

    version: int
    state: State
    expression: str
    weight_bp: int
    detail: str
    author: str
    created_at: datetime


class RuleView(TypedDict):
    """`live` and `shadow` are numbers of versions; null where there is none."""

    id: str
    code: str
    live: int | None
    shadow: int | None
    versions: list[RuleVersionView]
    created_at: datetime


class RuleStepView(TypedDict):
    version: int
    state: State
    by: str
    at: datetime


class RuleTallyView(TypedDict):
    """On how many payments a version fired within 30 days, as it stood then; `precision` is the share of fraud in
    those of which something is known, null where nothing is."""

    version: int
    state: State
    hits: int
    known_fraud: int
    known_honest: int
    precision: float | None


class CountView(TypedDict):
    payments: int
    amount_usd_minor: int
    known_fraud: int
    known_honest: int
    unknown: int


class HarmedView(CountView):
    accounts: int


FlipView = TypedDict(
    "FlipView",
    {
        "from": Decision,
        "to": Decision,
        "payments": int,
        "amount_usd_minor": int,
        "known_fraud": int,
        "known_honest": int,
        "unknown": int,
    },
)


class JudgedView(TypedDict):
    """Payments by decision; precision and recall of what is held or blocked, by what is known."""

    allow: int
    review: int
    block: int
    precision: float | None
    recall: float | None
    blocked_usd_minor: int
    reviews_per_day: float


class HarmView(TypedDict):
    """Who goes on today, is not known to be fraud, and would be stopped; known fraud that would go."""

    honest_stopped: HarmedView
    fraud_let_go: CountView


BacktestView = TypedDict(
    "BacktestView",
    {
        "id": str,
        "rule_id": str,
        "version": int,
        "created_at": datetime,
        "created_by": str,
        "from": datetime,
        "to": datetime,
        "days": int,
        "payments": int,
        "skipped": int,
        "cut": bool,
        "fired": CountView,
        "failed": int,
        "precision": float | None,
        "recall": float | None,
        "flips": list[FlipView],
        "before": JudgedView,
        "after": JudgedView,
        "harm": HarmView,
        "harmful": bool,
        "warnings": list[str],
        "examples": list[str],
    },
)


class RulePictureView(RuleView):
    """A rule with what became of its versions, what they hit, and the newest backtest of each."""

    steps: list[RuleStepView]
    hits: list[RuleTallyView]
    backtests: list[BacktestView]


class RuleHitView(TypedDict):
    """A payment that a version fired on; `is_fraud` is null where nobody knows."""

    id: str
    payment_id: str
    account_id: str
    version: int
    state: State
    decision: Decision
    score: float
    amount_usd_minor: int | None
    is_fraud: bool | None
    at: datetime


class RuleSnoozeView(TypedDict):
    id: str
    kind: SnoozeKind
    value: str
    reason: str | None
    expires_at: datetime
    created_at: datetime
    created_by: str


class RuleSignalView(TypedDict):
    """A name that rules may use. `unknown` is its value where it is not known."""

    name: str
    type: str
    unknown: int | float | bool | str
    meaning: str


def rule_view(rule: Rule) -> RuleView:
    live, shadow = rule.in_state("live"), rule.in_state("shadow")
    return {
        "id": rule.id,
        "code": rule.code,
        "live": None if live is None else live.number,
        "shadow": None if shadow is None else shadow.number,
        "versions": [_version_view(each) for each in rule.versions],
        "created_at": rule.created_at,
    }


def picture_view(picture: Picture) -> RulePictureView:
    return {
        **rule_view(picture.rule),
        "steps": [
            {"version": each.number, "state": each.state, "by": each.by, "at": each.at} for each in picture.steps
        ],
        "hits": [_tally_view(each) for each in picture.tallies],
        "backtests": [backtest_view(each) for each in picture.backtests.values()],
    }


def backtest_view(kept: KeptBacktest) -> BacktestView:
    own: Mapping[str, Any] = {
        "id": kept.id,
        "rule_id": kept.rule_id,
        "version": kept.number,
        "created_at": kept.created_at,
        "created_by": kept.created_by,
    }
    return cast(BacktestView, {**own, **kept.report})


def hit_view(hit: Hit) -> RuleHitView:
    return {
        "id": hit.id,
        "payment_id": hit.payment_id,
        "account_id": hit.account_id,
        "version": hit.version,
        "state": cast(State, hit.state),
        "decision": hit.decision,
        "score": hit.score,
        "amount_usd_minor": hit.amount_usd_minor,
        "is_fraud": hit.is_fraud,
        "at": hit.at,
    }


def snooze_view(kept: KeptSnooze) -> RuleSnoozeView:
    return {
        "id": kept.snooze.id,
        "kind": kept.snooze.kind,
        "value": kept.snooze.value,
        "reason": kept.reason,
        "expires_at": kept.snooze.expires_at,
        "created_at": kept.created_at,
        "created_by": kept.created_by,
    }


def signals_view(signals: Sequence[Signal]) -> list[RuleSignalView]:
    return [_signal_view(each) for each in signals]


def _signal_view(signal: Signal) -> RuleSignalView:
    unknown: Value = signal.unknown
    return {"name": signal.name, "type": signal.type.__name__, "unknown": unknown, "meaning": signal.meaning}


def _version_view(version: Version) -> RuleVersionView:
    return {
        "version": version.number,
        "state": version.state,
        "expression": version.expression,
        "weight_bp": version.weight_bp,
        "detail": version.detail,
        "author": version.author,
        "created_at": version.created_at,
    }


def _tally_view(tally: Tally) -> RuleTallyView:
    return {
        "version": tally.number,
        "state": tally.state,
        "hits": tally.hits,
        "known_fraud": tally.fraud,
        "known_honest": tally.honest,
        "precision": tally.precision,
    }
