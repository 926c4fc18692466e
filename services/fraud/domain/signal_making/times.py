"""Whether an account pays at this time of day (U9: time pattern). By UTC: an account's own hours need no time zone."""

from collections.abc import Sequence
from datetime import datetime

from services.fraud.domain.facts import Background, PastPayment, Payment
from services.fraud.domain.signals import Value

FEWEST_FOR_HABIT = 10
NEAR_SECONDS = 2 * 3_600
_DAY_SECONDS = 86_400


def time_signals(payment: Payment, background: Background) -> dict[str, Value]:
    """The hour and the weekday, and how usual the time of day is. What a top-up did by itself is nobody's habit."""
    share = -1 if payment.origin == "auto_top_up" else _share(payment.occurred_at, background.past)
    return {
        "hour": payment.occurred_at.hour,
        "weekday": payment.occurred_at.isoweekday(),
        "hour_share_percent": share,
        "is_hour_unusual": share == 0,
    }


def _share(at: datetime, past: Sequence[PastPayment]) -> int:
    by_hand = [each.occurred_at for each in past if each.origin != "auto_top_up"]
    if len(by_hand) < FEWEST_FOR_HABIT:
        return -1
    near = sum(_seconds_between(at, then) <= NEAR_SECONDS for then in by_hand)
    return -(-100 * near // len(by_hand))


def _seconds_between(one: datetime, other: datetime) -> int:
    """Of the clock's face, the shorter way around."""
    apart = abs(_second_of_day(one) - _second_of_day(other))
    return min(apart, _DAY_SECONDS - apart)


def _second_of_day(instant: datetime) -> int:
    return instant.hour * 3_600 + instant.minute * 60 + instant.second
