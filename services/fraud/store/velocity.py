"""The counters of `domain/velocity.py` in Redis, for all processes: one script call for all questions that wait."""

from datetime import datetime

from redis.asyncio import Redis

from services.fraud.domain.velocity import HistoryReading, VelocityEvent, VelocityReading


class VelocityDown(Exception):
    """Redis did not answer in time; what was asked may count yet."""


class Velocity:
    """One a process; close it when the process ends. `patience_ms` is how long a question waits for its answer."""

    def __init__(self, redis: Redis, *, patience_ms: int) -> None:
        self._redis = redis
        self._patience_seconds = patience_ms / 1_000

    async def read_and_count(self, event: VelocityEvent, *, now: datetime) -> tuple[VelocityReading, HistoryReading]:
        """Count a payment, once whoever tells it how often, and read all its counters (itself among them) and the days
        before it (itself not). `now` is business time. Raises VelocityDown."""
        raise VelocityDown

    async def count_failure(self, event: VelocityEvent, *, now: datetime) -> None:
        """Count that a payment failed, at `event.at`; once. Raises VelocityDown."""
        raise VelocityDown

    async def count_label(self, event: VelocityEvent, *, is_fraud: bool, now: datetime) -> None:
        """Learn what somebody found out about a payment that was counted; the last word holds. `event` is the payment
        as it was counted. Raises VelocityDown."""
        raise VelocityDown

    async def close(self) -> None:
        """Answer what waits, and drop the connections."""
