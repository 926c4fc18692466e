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
