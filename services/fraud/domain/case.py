"""A case: a payment that a person looks at (S15).

`held`: the payment waits for the decision. `watch`: it went on, and is looked at for its amount. A case is decided
once: approved, or rejected (with or without blocking whoever paid). `closed`: its payment ended before anybody decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NewType, get_args

from services.fraud.domain.assessment import Reason
from services.fraud.domain.signals import Signals
from shared.errors import DomainError

CaseId = NewType("CaseId", str)
Kind = Literal["held", "watch"]
Status = Literal["open", "approved", "rejected", "closed"]
Decision = Literal["approved", "rejected"]
StepKind = Literal["opened", "assigned", "noted", "overdue", "approved", "rejected", "blocked", "closed"]

ID_PREFIX = "case"
LONGEST_NOTE = 2_000
STATUSES: tuple[Status, ...] = get_args(Status)


class AlreadyDecided(DomainError):
    """Somebody decided first, or the payment ended."""

    def __init__(self, status: Status) -> None:
        told = "Its payment ended before a decision." if status == "closed" else f"This case is {status}."
        super().__init__("already_decided", told, extra={"decision": status})


@dataclass(frozen=True, slots=True)
class Case:
    """`score_hundredths` is 0 to 10,000. `signals` is what the judgement saw, by name."""

    id: CaseId
    payment_id: str
    account_id: str
    kind: Kind
    status: Status
    score_hundredths: int
    reasons: tuple[Reason, ...]
    signals: Signals
    assignee: str | None
    created_at: datetime
    due_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None

    def is_overdue(self, at: datetime) -> bool:
        """Whether its deadline has passed without a decision."""
        return self.status == "open" and self.due_at <= at

    def decided(self, decision: Decision, *, by: str, at: datetime) -> "Case":
        """The case as decided. Raises AlreadyDecided."""
        return replace(self._open(), status=decision, decided_by=by, decided_at=at)

    def closed(self, *, by: str, at: datetime) -> "Case":
        """The case whose payment has ended. Raises AlreadyDecided."""
        return replace(self._open(), status="closed", decided_by=by, decided_at=at)

    def assigned(self, assignee: str | None) -> "Case":
        """The case in the hands of another operator, or of nobody. Raises AlreadyDecided."""
        return replace(self._open(), assignee=assignee)

    def _open(self) -> "Case":
        if self.status != "open":
            raise AlreadyDecided(self.status)
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """What befell a case. `by` is an operator's account, or `system`."""

    kind: StepKind
    by: str
    at: datetime
    details: Mapping[str, object]
