"""Two times. Business time (periods, limits' windows, `created_at`) may be moved by a test clock;
real time (tokens, holds, buckets, transfer ids, timeouts) never is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the edges read the time; the domain gets it as an argument. All instants are aware UTC."""

    def now(self) -> datetime: ...

    def real_now(self) -> datetime: ...


class SystemClock:
    """The machine's time, for business and everything else."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real_now(self) -> datetime:
        return datetime.now(UTC)


class MovableClock:
    """Business time runs beside real time, `ahead_seconds` before it: whole seconds, so that clocks which are equally
    far ahead agree. Real time is the machine's, whatever happens."""

    def __init__(self, ahead_seconds: int = 0) -> None:
        self._ahead = timedelta(seconds=ahead_seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def real_now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def ahead_seconds(self) -> int:
        return int(self._ahead.total_seconds())

    def move(self, ahead_seconds: int) -> None:
        """Be so far ahead from here on. Only `kept_clock` calls it: what is not kept would not survive a restart."""
        self._ahead = timedelta(seconds=ahead_seconds)


@dataclass
class FixedClock:
    """A clock that stands still until a test advances it."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def real_now(self) -> datetime:
        return self.at

    def advance(self, step: timedelta) -> None:
        self.at += step
