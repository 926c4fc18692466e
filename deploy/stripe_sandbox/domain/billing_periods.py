"""Where billing periods begin and end: whole intervals from an anchor, as Stripe counts them.

All instants are seconds, all days and months UTC's. The anchor's day of the month is kept: a month that is too
short ends the period on its last day, and the next long one has the anchor's day again.
"""

from calendar import monthrange
from datetime import UTC, datetime

from deploy.stripe_sandbox.domain.values import Json

DAY = 24 * 3600
_SECONDS = {"day": DAY, "week": 7 * DAY}
_MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, recurring: Json, steps: int) -> int:
    """The instant `steps` whole intervals after the anchor (before it, where negative)."""
    interval, count = recurring["interval"], recurring["interval_count"] * steps
    if interval in _SECONDS:
        return int(anchor + _SECONDS[interval] * count)
    return _months_after(anchor, _MONTHS[interval] * count)


def end_after(anchor: int, recurring: Json, instant: int) -> int:
    """The first boundary later than `instant`."""
    steps = _steps_near(anchor, recurring, instant)
    while boundary(anchor, recurring, steps) > instant:
        steps -= 1
    while boundary(anchor, recurring, steps) <= instant:
        steps += 1
    return boundary(anchor, recurring, steps)


def _steps_near(anchor: int, recurring: Json, instant: int) -> int:
    """Within two steps of the right one."""
    interval, count = recurring["interval"], recurring["interval_count"]
    if interval in _SECONDS:
        return int((instant - anchor) // (_SECONDS[interval] * count))
    first, second = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(instant, UTC)
    months = (second.year - first.year) * 12 + second.month - first.month
    return int(months // (_MONTHS[interval] * count))


def _months_after(anchor: int, months: int) -> int:
    at = datetime.fromtimestamp(anchor, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())
