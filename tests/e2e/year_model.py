"""What a year ought to do to a subscriber, worked out from the promises alone: no code of the services is used.

A subscriber has a plot and a month in which it happens. Time goes by phases around each month's end `E`: three days
before it (where things are done), half a day before it, two days after it (an unpaid renewal has failed twice), four
days after it (three times, and the grace of three days is over), six days after it (Stripe has given up).
"""

import os
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

MONTHS = int(os.environ.get("YEAR_MONTHS", "12"))
PRICE_MINOR = 2_500


class Phase(Enum):
    BEFORE = auto()
    EVE = auto()
    FAILED = auto()
    SUSPENDED = auto()
    OVER = auto()


class Plot(Enum):
    """What happens in the subscriber's month; in all others it renews."""

    STEADY = auto()
    MENDED_IN_GRACE = auto()
    """The card fails; another is there while the license is in its grace."""
    MENDED_LATE = auto()
    """The other card comes when the license is suspended already."""
    LAPSED = auto()
    CANCELED = auto()
    CANCELED_AT_END = auto()
    DISPUTE_WON = auto()
    DISPUTE_LOST = auto()
    REFUNDED = auto()
    REFUNDED_IN_PART = auto()


FAILING = frozenset({Plot.MENDED_IN_GRACE, Plot.MENDED_LATE, Plot.LAPSED})
ENDING = frozenset({Plot.LAPSED, Plot.CANCELED, Plot.CANCELED_AT_END, Plot.DISPUTE_LOST, Plot.REFUNDED})
_ENDING_BEFORE = frozenset({Plot.CANCELED, Plot.DISPUTE_LOST, Plot.REFUNDED})
_BY_TURNS = (
    (Plot.STEADY, Plot.STEADY),
    (Plot.MENDED_LATE, Plot.MENDED_LATE),
    (Plot.DISPUTE_WON, Plot.DISPUTE_LOST),
    (Plot.CANCELED, Plot.CANCELED),
    (Plot.LAPSED, Plot.LAPSED),
    (Plot.REFUNDED, Plot.REFUNDED_IN_PART),
    (Plot.MENDED_IN_GRACE, Plot.MENDED_IN_GRACE),
    (Plot.CANCELED_AT_END, Plot.CANCELED_AT_END),
    (Plot.DISPUTE_LOST, Plot.DISPUTE_WON),
    (Plot.STEADY, Plot.STEADY),
)


@dataclass(frozen=True)
class Fate:
    """One subscriber's plot, and its month (from 1)."""

    plot: Plot
    month: int


def fate_of(number: int) -> Fate:
    """Plots in turn, their months spread over the year."""
    decade, place = divmod(number, len(_BY_TURNS))
    return Fate(_BY_TURNS[place][decade % 2], 2 + (3 * place + 2 * decade) % (MONTHS - 2))


def verdict(fate: Fate, month: int, phase: Phase) -> str:
    """What validation ought to say in that phase of the month, once what is done in its `BEFORE` is done."""
    if month > fate.month:
        return "REVOKED" if fate.plot in ENDING else "VALID"
    if month < fate.month:
        return "VALID"
    if fate.plot in _ENDING_BEFORE:
        return "REVOKED"
    if fate.plot is Plot.CANCELED_AT_END:
        return "VALID" if phase in {Phase.BEFORE, Phase.EVE} else "REVOKED"
    if fate.plot in FAILING:
        return _verdict_of_failing(fate.plot, phase)
    return "VALID"


def _verdict_of_failing(plot: Plot, phase: Phase) -> str:
    """Before it is mended in that phase."""
    if phase in {Phase.BEFORE, Phase.EVE}:
        return "VALID"
    if phase is Phase.FAILED:
        return "GRACE"
    if plot is Plot.MENDED_IN_GRACE:
        return "VALID"
    if phase is Phase.SUSPENDED:
        return "SUSPENDED"
    return "VALID" if plot is Plot.MENDED_LATE else "REVOKED"


def brings_minor(fate: Fate, month: int, phase: Phase) -> int:
    """By the month: nothing once it is suspended or over; until the end of its grace, though it is late."""
    return PRICE_MINOR if verdict(fate, month, phase) in {"VALID", "GRACE"} else 0


def mails(fate: Fate) -> Counter[str]:
    """How many of each the subscriber ought to have by the year's end."""
    ends = fate.plot in ENDING
    renewed = fate.month - 1 if ends else MONTHS
    told_ahead = fate.month if fate.plot is Plot.LAPSED else renewed
    renewed -= fate.plot is Plot.MENDED_LATE
    found = Counter(license_welcome=1, subscription_renewed=renewed, renewal_upcoming=told_ahead)
    found["payment_failed"] = {Plot.MENDED_IN_GRACE: 2, Plot.MENDED_LATE: 3, Plot.LAPSED: 3}.get(fate.plot, 0)
    suspended = {Plot.MENDED_LATE, Plot.LAPSED, Plot.DISPUTE_WON, Plot.DISPUTE_LOST}
    found["subscription_suspended"] = int(fate.plot in suspended)
    found["subscription_restored"] = int(fate.plot in {Plot.MENDED_LATE, Plot.DISPUTE_WON})
    found["subscription_canceled"] = int(ends)
    return +found
