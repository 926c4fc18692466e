"""The counters of velocity made anew from PostgreSQL: after Redis lost them, or was away for a while.

Judgements go on meanwhile, and see what is counted so far; a payment that is judged meanwhile counts once. What is too
old to count is not read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.fraud.domain.model_features import HISTORY_DAYS
from services.fraud.domain.velocity import VelocityEvent
from services.fraud.service import Fraud
from services.fraud.store import labels, velocity_history
from services.fraud.store.velocity import Velocity, forget_all

PAGE = 1_000
PATIENCE_MS = 30_000
FAILURES_MATTER = timedelta(days=1)
UNDER_WAY_SECONDS = 2.0
"""Whoever counted before the counters were forgotten has written his judgement down by then."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was counted so far: payments, back to when the oldest of them was judged, known frauds among them, and
    failures."""

    payments: int = 0
    back_to: datetime | None = None
    frauds: int = 0
    failures: int = 0


Progress = Callable[[Rebuilt], None]


@dataclass(frozen=True, slots=True)
class _Page:
    """Payments as they were counted, those of them that are known as frauds, and when the last of them was judged."""

    payments: list[VelocityEvent]
    frauds: list[VelocityEvent]
    judged_at: datetime


async def rebuild_features(fraud: Fraud, progress: Progress) -> Rebuilt:
    """Forget every counter and count anew what still matters, each payment, failure and fraud at its own time;
    `progress` hears of each page. Raises VelocityDown where Redis does not answer: begin it again then."""
    now = fraud.clock.now()
    velocity = Velocity(fraud.redis, patience_ms=PATIENCE_MS)
    done = Rebuilt()
    try:
        await forget_all(fraud.redis)
        await asyncio.sleep(UNDER_WAY_SECONDS)
        async for page in _payments(fraud, now=now):
            await asyncio.gather(*(velocity.count(event, now=now) for event in page.payments))
            await asyncio.gather(*(velocity.count_label(event, is_fraud=True, now=now) for event in page.frauds))
            done = Rebuilt(done.payments + len(page.payments), page.judged_at, done.frauds + len(page.frauds))
            progress(done)
        async for failures in _failures(fraud, now=now):
            await asyncio.gather(*(velocity.count_failure(event, now=now) for event in failures))
            done = replace(done, failures=done.failures + len(failures))
            progress(done)
    finally:
        await velocity.close()
    return done


async def _payments(fraud: Fraud, *, now: datetime) -> AsyncIterator[_Page]:
    """From the latest judged on, until they are too old: nothing happens after it was judged."""
    since = now - timedelta(days=HISTORY_DAYS)
    before: UUID | None = None
    while True:
        async with fraud.database.transaction() as connection:
            rows = await velocity_history.payments_before(connection, before, limit=PAGE)
            events = [event for _, _, event in rows]
            known = await labels.verdicts(connection, [event.payment_id for event in events], known_by=now)
        if rows:
            before, judged_at, _ = rows[-1]
            yield _Page(events, [event for event in events if known.get(event.payment_id)], judged_at)
        if len(rows) < PAGE or judged_at < since:
            return


async def _failures(fraud: Fraud, *, now: datetime) -> AsyncIterator[list[VelocityEvent]]:
    after = (now - FAILURES_MATTER, "")
    while True:
        async with fraud.database.transaction() as connection:
            page = await velocity_history.failures_after(connection, after, limit=PAGE)
        if page:
            yield page
            after = (page[-1].at, page[-1].payment_id)
        if len(page) < PAGE:
            return
