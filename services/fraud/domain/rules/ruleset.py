"""The rules of one moment, compiled once: what of them fires on a payment's signals.

Evaluating takes some microseconds and ends: the language has no loops (`language`). A rule that cannot be evaluated on
some signals (a division by nothing) does not fire, and is named in `failed`; the others go on.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.fraud.domain.rules.binding import cel
from services.fraud.domain.rules.rule import RuleId, Snooze, Version
from services.fraud.domain.signals import Signals, Value


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


_Compiled = tuple[Callable[[cel.Context], Any], Fired]


class RuleSet:
    """Live and shadow versions, compiled. It never changes: other rules are another set. Of one thread at a time, as
    its view of the signals is."""

    def __init__(self, live: Sequence[Version], shadow: Sequence[Version]) -> None:
        programs = {(each.rule_id, each.number): cel.compile(each.expression) for each in (*live, *shadow)}
        self._live = [_compiled(each, programs[each.rule_id, each.number]) for each in live]
        self._shadow = [_compiled(each, programs[each.rule_id, each.number]) for each in shadow]
        self._view = _View({name for program in programs.values() for name in program.variables()})
        self.versions: Mapping[str, int] = {each.code: each.number for each in live}
        """The live versions by their rules' codes: what an assessment keeps of who judged."""

    @classmethod
    def of(cls, versions: Iterable[Version]) -> "RuleSet":
        """The set of those that are live or in shadow, the heaviest first. Their expressions were checked when they
        were saved (`language.check`)."""
        heaviest_first = sorted(versions, key=lambda each: (-each.weight_bp, each.code))
        live = [each for each in heaviest_first if each.state == "live"]
        return cls(live, [each for each in heaviest_first if each.state == "shadow"])

    def judge(self, signals: Signals, *, at: datetime, snoozes: Collection[Snooze] = ()) -> Judged:
        """What fires at an instant (business time). `snoozes` are those of whoever pays. Raises KeyError where
        `signals` lacks one that a rule names."""
        context = self._view.of(signals)
        asleep = {each.rule_id for each in snoozes if at < each.expires_at}
        failed: list[RuleId] = []
        fired = _fired(self._live, context, asleep, failed)
        return Judged(fired, _fired(self._shadow, context, asleep, failed), tuple(failed))


class _View:
    """The signals as CEL sees them. Handing one over costs as much as a small rule, and most are what they were for
    the payment before: only those that differ are handed over again."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)
        self._context = cel.Context()
        self._seen: dict[str, Value] = {}

    def of(self, signals: Signals) -> cel.Context:
        seen = self._seen
        changed = {name: value for name in self._names if (value := signals[name]) != seen.get(name)}
        if changed:
            self._context.update(changed)
            seen.update(changed)
        return self._context


def _compiled(version: Version, program: cel.Program) -> _Compiled:
    fired = Fired(version.rule_id, version.number, version.weight_bp, version.code, version.detail)
    return program.execute, fired


def _fired(
    rules: Sequence[_Compiled], context: cel.Context, asleep: Collection[RuleId], failed: list[RuleId]
) -> tuple[Fired, ...]:
    found: list[Fired] = []
    for execute, fired in rules:
        try:
            if execute(context) is True and fired.rule_id not in asleep:
                found.append(fired)
        except (ArithmeticError, TypeError, ValueError, RuntimeError):
            failed.append(fired.rule_id)
    return tuple(found)
