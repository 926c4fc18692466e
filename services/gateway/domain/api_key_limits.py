"""How many calls a key may make (S2).

Two limits lie over each other: the operator's, which a new key gets from the settings and which an operator may raise,
lower or lift; and the customer's own, which only lowers.
"""

from dataclasses import dataclass, replace

from shared.errors import Invalid

HIGHEST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls a minute and a day; None is none."""

    per_minute: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class LimitsChange:
    """The members that a request names; what it leaves out stays."""

    names: frozenset[str]
    values: Limits


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """`most` is the operator's, `own` the customer's."""

    most: Limits
    own: Limits = Limits()

    @property
    def effective(self) -> Limits:
        return Limits(_lower(self.most.per_minute, self.own.per_minute), _lower(self.most.per_day, self.own.per_day))


def lowered_by_customer(limits: KeyLimits, change: LimitsChange) -> KeyLimits:
    """The limits with the customer's own changed, or Invalid where that would raise one."""
    for name in sorted(change.names):
        value, most = getattr(change.values, name), getattr(limits.most, name)
        if value is None or (most is not None and value > most):
            raise Invalid(f"/limits/{name}", f"must be at most {most}" if most else "must be a number")
        limits = replace(limits, own=replace(limits.own, **{name: value}))
    return limits


def set_by_operator(limits: KeyLimits, change: LimitsChange) -> KeyLimits:
    """The limits as an operator wants them from now on; None lifts one. The customer's own gives way."""
    for name in change.names:
        value = getattr(change.values, name)
        limits = KeyLimits(replace(limits.most, **{name: value}), replace(limits.own, **{name: None}))
    return limits


def _lower(most: int | None, own: int | None) -> int | None:
    if most is None or own is None:
        return own if most is None else most
    return min(most, own)
