"""What of a paid period is earned: day by day, as it goes by. Pure; amounts in minor units."""

from datetime import datetime, timedelta

DAY = timedelta(days=1)


def next_day(start_at: datetime, end_at: datetime, *, now: datetime) -> datetime | None:
    """When more is earned; None once all is."""
    if now >= end_at:
        return None
    days = max(0, (now - start_at) // DAY) + 1
    return min(start_at + days * DAY, end_at)


def earned_minor(kept_minor: int, start_at: datetime, end_at: datetime, *, now: datetime) -> int:
    """Of what was paid for [start, end) and has not gone back, the share of the whole days that have passed, rounded
    down, and all of it at the end. A proration, which sells no period, is earned where its period begins and ends."""
    assert kept_minor >= 0
    if now >= end_at or end_at <= start_at:
        return kept_minor
    days, passed = -((start_at - end_at) // DAY), max(0, (now - start_at) // DAY)
    return kept_minor * min(passed, days) // days
