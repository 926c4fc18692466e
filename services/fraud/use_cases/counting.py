"""What becomes known of a payment after its judgement, told to the counters.

Counting is idempotent, and is done before the transaction of the news commits: news heard twice count once, and
none is missed by a process that ends in between. What Redis is away for is missed until the counters are rebuilt.
"""

from collections.abc import Awaitable, Iterable
from dataclasses import replace
from datetime import datetime

from services.fraud.store import labels, velocity_history
from services.fraud.store.velocity import Velocity, VelocityDown
from shared.db import Connection
from shared.telemetry import logger


async def count_failure(
    velocity: Velocity, connection: Connection, payment_id: str, *, failed_at: datetime, now: datetime
) -> None:
    """Count that a payment failed, for all its entities. One that was not judged here has none."""
    events = await velocity_history.payments_of(connection, [payment_id])
    await _count(velocity.count_failure(replace(event, at=failed_at), now=now) for event in events)


async def count_labels(
    velocity: Velocity, connection: Connection, payment_ids: Iterable[str], *, now: datetime
) -> None:
    """Tell what these payments are known to have been by now, labels of this transaction included."""
    verdicts = await labels.verdicts(connection, list(payment_ids), known_by=now)
    events = await velocity_history.payments_of(connection, verdicts)
    await _count(velocity.count_label(event, is_fraud=verdicts[event.payment_id], now=now) for event in events)


async def _count(countings: Iterable[Awaitable[None]]) -> None:
    for counting in countings:
        try:
            await counting
        except VelocityDown as error:
            logger.warning("velocity_not_counted", error=str(error))
