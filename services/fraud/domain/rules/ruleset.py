"""The rules of one moment, compiled once: what of them fires on a payment's signals.

Evaluating takes some microseconds and ends: the language has no loops (`language`). A rule that cannot be evaluated on
some signals (a division by nothing) does not fire, and is named in `failed`; the others go on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import cel

from services.fraud.domain.rules.rule import RuleId, Snooze, Version
from services.fraud.domain.signals import Signals


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired: `code` and `detail` become a reason, `weight_bp` goes into the score."""

    rule_id: RuleId
    version: int
    weight_bp: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Those of the live rules that fired and those in shadow that would have, the heaviest first. `failed` names rules
    that could not be evaluated."""

    fired: tuple[Fired, ...]
    shadow: tuple[Fired, ...]
    failed: tuple[RuleId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiled:
    fired: Fired
    program: cel.Program


class RuleSet:
    """Live and shadow versions, compiled. It never changes: other rules are another set."""

    def __init__(self, live: Sequence[_Compiled], shadow: Sequence[_Compiled]) -> None:
        self._live = live
        self._shadow = shadow
        self._names = sorted({name for each in (*live, *shadow) for name in each.program.variables()})
        self.versions: Mapping[str, int] = {each.fired.code: each.fired.version for each in live}
        """The live versions by their rules' codes: what an assessment keeps of who judged."""

    @classmethod
    def of(cls, versions: Iterable[Version]) -> "RuleSet":
        """The set of those that are live or in shadow, the heaviest first. Their expressions were checked when they
        were saved (`language.check`)."""
        heaviest_first = sorted(versions, key=lambda each: (-each.weight_bp, each.code))
        live = [_compiled(each) for each in heaviest_first if each.state == "live"]
        return cls(live, [_compiled(each) for each in heaviest_first if each.state == "shadow"])

    def judge(self, signals: Signals, *, at: datetime, snoozes: Collection[Snooze] = ()) -> Judged:
        """What fires at an instant (business time). `snoozes` are those of whoever pays. Raises KeyError where
        `signals` lacks one that a rule names."""
        context = cel.Context({name: signals[name] for name in self._names})
        asleep = {each.rule_id for each in snoozes if at < each.expires_at}
        failed: list[RuleId] = []
        fired = _fired(self._live, context, asleep, failed)
        return Judged(fired, _fired(self._shadow, context, asleep, failed), tuple(failed))


def _compiled(version: Version) -> _Compiled:
    fired = Fired(version.rule_id, version.number, version.weight_bp, version.code, version.detail)
    return _Compiled(fired, cel.compile(version.expression))


def _fired(
    rules: Sequence[_Compiled], context: cel.Context, asleep: Collection[RuleId], failed: list[RuleId]
) -> tuple[Fired, ...]:
    found: list[Fired] = []
    for rule in rules:
        try:
            if rule.program.execute(context) is True and rule.fired.rule_id not in asleep:
                found.append(rule.fired)
        except (ArithmeticError, TypeError, ValueError, RuntimeError):
            failed.append(rule.fired.rule_id)
    return tuple(found)
