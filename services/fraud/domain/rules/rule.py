"""A rule: versions that never change, of which one at most is live and one at most is in shadow (U9).

A version is `draft` (judges nothing), `shadow` (judges, and what it says is only written down), `live` (its weight
counts) or `retired` (for ever). Who wrote a version never makes it live: that takes a second operator.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NewType, get_args

from services.fraud.domain.score import HEAVIEST_BP
from shared.errors import DomainError, Invalid, NotFound

RuleId = NewType("RuleId", str)
State = Literal["draft", "shadow", "live", "retired"]
SnoozeKind = Literal["account", "card", "device"]

ID_PREFIX = "rule"
SNOOZE_PREFIX = "snz"
STATES: tuple[State, ...] = get_args(State)
SNOOZE_KINDS: tuple[SnoozeKind, ...] = get_args(SnoozeKind)
LONGEST_CODE = 60
LONGEST_DETAIL = 200
CODE = re.compile(r"[a-z][a-z0-9_]{2,59}")

_MOVES: Mapping[State, frozenset[State]] = {
    "draft": frozenset({"shadow", "retired"}),
    "shadow": frozenset({"live", "retired"}),
    "live": frozenset({"shadow", "retired"}),
    "retired": frozenset(),
}


class SecondOperatorRequired(DomainError):
    """Its author would be the only one who looked."""

    def __init__(self) -> None:
        super().__init__("second_operator_required", "Another operator than its author makes a version live.")


class WrongState(DomainError):
    """The version is not where that could follow."""

    def __init__(self, state: State, wanted: State) -> None:
        told = f"This version is {state}: it cannot become {wanted}."
        super().__init__("rule_state_conflict", told, extra={"state": state})


@dataclass(frozen=True, slots=True)
class Draft:
    """What an author says. `expression` is of the rules' language and was checked; `detail` is what the customer may
    read: it names no limit. `weight_bp` is the share of trust that firing takes, in basis points."""

    expression: str
    weight_bp: int
    detail: str

    def __post_init__(self) -> None:
        if not 1 <= self.weight_bp <= HEAVIEST_BP:
            raise Invalid("/weight_bp", f"must be from 1 to {HEAVIEST_BP}")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a rule; but for its state it never changes. `code` is the rule's, and stands in the reasons."""

    rule_id: RuleId
    number: int
    code: str
    expression: str
    weight_bp: int
    detail: str
    state: State
    author: str
    created_at: datetime

    def moved(self, state: State, *, by: str) -> "Version":
        """The version in another state. Raises WrongState, SecondOperatorRequired."""
        if state not in _MOVES[self.state]:
            raise WrongState(self.state, state)
        if state == "live" and by == self.author:
            raise SecondOperatorRequired
        return replace(self, state=state)


@dataclass(frozen=True, slots=True)
class Snooze:
    """A rule does not fire for an account, a card or a device until an instant (business time)."""

    id: str
    rule_id: RuleId
    kind: SnoozeKind
    value: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """On how many payments a version fired while it was live or in shadow, and how many of those are known by now to
    have been fraud, or honest."""

    number: int
    state: State
    hits: int
    fraud: int
    honest: int

    @property
    def precision(self) -> float | None:
        """The share of fraud in what is known; None where nothing is."""
        return share(self.fraud, self.fraud + self.honest)


def share(part: int, whole: int) -> float | None:
    """To four decimals; None of nothing."""
    return None if whole == 0 else round(part / whole, 4)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with all its versions, the first one first. There is always one."""

    id: RuleId
    code: str
    created_at: datetime
    versions: tuple[Version, ...]

    def version(self, number: int) -> Version:
        """Raises NotFound."""
        found = next((each for each in self.versions if each.number == number), None)
        if found is None:
            raise NotFound("version of this rule")
        return found

    def in_state(self, state: State) -> Version | None:
        """The newest version in a state; live and shadow are one at most."""
        return next((each for each in reversed(self.versions) if each.state == state), None)

    @property
    def newest(self) -> Version:
        """What was written last, and is not retired; the last one where all are."""
        return next((each for each in reversed(self.versions) if each.state != "retired"), self.versions[-1])

    def drafted(self, draft: Draft, *, by: str, at: datetime) -> Version:
        """A next version, which judges nothing yet."""
        number = self.versions[-1].number + 1
        return Version(
            rule_id=self.id,
            number=number,
            code=self.code,
            expression=draft.expression,
            weight_bp=draft.weight_bp,
            detail=draft.detail,
            state="draft",
            author=by,
            created_at=at,
        )

    def moved(self, number: int, state: State, *, by: str) -> tuple[Version, ...]:
        """The versions that are in another state once one moved: whichever stood there before retires first. Raises
        NotFound, WrongState, SecondOperatorRequired."""
        moved = self.version(number).moved(state, by=by)
        ousted = self.in_state(state) if state in ("shadow", "live") else None
        return (moved,) if ousted is None else (replace(ousted, state="retired"), moved)
