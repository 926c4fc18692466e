"""Cases on the wire: in a list, and with the whole picture."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from services.fraud.domain.assessment import Reason
from services.fraud.domain.case import Case, Kind, Status, Step, StepKind
from services.fraud.domain.case_picture import JudgedPayment, Link, Picture, Record, SaidSignal, said
from services.fraud.domain.label import Label, Source
from services.fraud.domain.score import Decision, as_number
from shared.doors import MoneyView
from shared.money import Money


class CaseReasonView(TypedDict):
    code: str
    detail: str


class ReviewView(TypedDict):
    """A case. `held`: its payment waits for the decision; `watch`: it went on. `closed`: the payment ended before
    anybody decided."""

    id: str
    payment_id: str
    account_id: str
    kind: Kind
    status: Status
    score: float
    reasons: list[CaseReasonView]
    signals: dict[str, int | float | bool | str]
    assignee: str | None
    overdue: bool
    created_at: datetime
    due_at: datetime
    decided_at: datetime | None
    decided_by: str | None


class FiredRuleView(TypedDict):
    rule_id: str
    version: int
    weight_bp: int


class CaseAssessmentView(TypedDict):
    """How the payment was judged, and by which versions of what. `probability` is the model's, 0 to 1."""

    id: str
    decision: Decision
    score: float
    probability: float | None
    amount: MoneyView | None
    country: str | None
    rules: list[FiredRuleView]
    shadow_rules: list[FiredRuleView]
    versions: dict[str, Any]
    created_at: datetime


class SignalView(TypedDict):
    name: str
    value: int | float | bool | str
    meaning: str


class OtherPaymentView(TypedDict):
    """Another payment of the account. `status` is null until billing has told one, `is_fraud` while nobody knows."""

    payment_id: str
    type: str | None
    amount: MoneyView | None
    decision: Decision
    score: float
    status: str | None
    is_fraud: bool | None
    created_at: datetime


class LinkedAccountView(TypedDict):
    """Another account, and which of card, device, ip and mailbox it shares with this one."""

    account_id: str
    shared: list[str]
    since: datetime
    cases: int
    cases_rejected: int


class LabelView(TypedDict):
    is_fraud: bool
    source: Source
    known_at: datetime


class StepView(TypedDict):
    """What befell the case. `details` has the note, the assignee, or the blacklist's entries."""

    kind: StepKind
    by: str
    at: datetime
    details: dict[str, Any]


class ReviewPictureView(ReviewView):
    """A case with all that fraud knows about it. `blockable` is by what a block could list whoever paid."""

    payment_status: str | None
    assessment: CaseAssessmentView | None
    signals_in_words: list[SignalView]
    blockable: list[str]
    labels: list[LabelView]
    payments: list[OtherPaymentView]
    cases: list[ReviewView]
    linked_accounts: list[LinkedAccountView]
    history: list[StepView]


def review_view(case: Case, now: datetime) -> ReviewView:
    return {
        "id": case.id,
        "payment_id": case.payment_id,
        "account_id": case.account_id,
        "kind": case.kind,
        "status": case.status,
        "score": as_number(case.score_hundredths),
        "reasons": [_reason(reason) for reason in case.reasons],
        "signals": dict(case.signals),
        "assignee": case.assignee,
        "overdue": case.is_overdue(now),
        "created_at": case.created_at,
        "due_at": case.due_at,
        "decided_at": case.decided_at,
        "decided_by": case.decided_by,
    }


def picture_view(picture: Picture, now: datetime) -> ReviewPictureView:
    return {
        **review_view(picture.case, now),
        "payment_status": picture.payment_status,
        "assessment": None if picture.record is None else _assessment(picture.record),
        "signals_in_words": [_signal(each) for each in said(picture.case.signals)],
        "blockable": list(picture.blockable),
        "labels": [_label(each) for each in picture.labels],
        "payments": [_payment(each) for each in picture.payments],
        "cases": [review_view(each, now) for each in picture.cases],
        "linked_accounts": [_link(each) for each in picture.links],
        "history": [_step(each) for each in picture.history],
    }


def _reason(reason: Reason) -> CaseReasonView:
    return {"code": reason.code, "detail": reason.detail}


def _assessment(record: Record) -> CaseAssessmentView:
    ppm = record.probability_ppm
    return {
        "id": record.id,
        "decision": record.decision,
        "score": as_number(record.score_hundredths),
        "probability": None if ppm is None else ppm / 1_000_000,
        "amount": _dollars(record.amount_usd_minor),
        "country": record.country,
        "rules": [_rule(each) for each in record.fired],
        "shadow_rules": [_rule(each) for each in record.shadow],
        "versions": dict(record.versions),
        "created_at": record.created_at,
    }


def _rule(kept: Any) -> FiredRuleView:
    return {"rule_id": kept["rule_id"], "version": kept["version"], "weight_bp": kept["weight_bp"]}


def _signal(signal: SaidSignal) -> SignalView:
    return {"name": signal.name, "value": signal.value, "meaning": signal.meaning}


def _payment(payment: JudgedPayment) -> OtherPaymentView:
    return {
        "payment_id": payment.payment_id,
        "type": payment.kind,
        "amount": _dollars(payment.amount_usd_minor),
        "decision": payment.decision,
        "score": as_number(payment.score_hundredths),
        "status": payment.status,
        "is_fraud": payment.is_fraud,
        "created_at": payment.created_at,
    }


def _link(link: Link) -> LinkedAccountView:
    return {
        "account_id": link.account_id,
        "shared": list(link.shared),
        "since": link.first_at,
        "cases": link.count.cases,
        "cases_rejected": link.count.rejected,
    }


def _label(label: Label) -> LabelView:
    return {"is_fraud": label.is_fraud, "source": label.source, "known_at": label.known_at}


def _step(step: Step) -> StepView:
    return {"kind": step.kind, "by": step.by, "at": step.at, "details": dict(step.details)}


def _dollars(minor: int | None) -> Money | None:
    return None if minor is None else Money(minor, "usd")
