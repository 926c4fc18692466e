"""The live counters and a batch computation over the same history say the same, whatever comes whenever (U9)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.fraud.domain.velocity import Counted, Labeled, VelocityEvent, history_of, reading_of
from services.fraud.store.velocity import Velocity

START = datetime(2027, 1, 15, 23, 58, tzinfo=UTC)
DAY_SECONDS = 86_400

PAUSES = st.one_of(
    st.just(0),
    st.integers(0, 10),
    st.integers(0, 400),
    st.integers(0, 7_200),
    st.integers(0, 2 * DAY_SECONDS),
    st.integers(0, 40 * DAY_SECONDS),
)
BEHIND = st.integers(0, 4_000)
"""Milliseconds by which a process's clock may be behind the others'."""
LATE = st.one_of(
    st.just(0), st.integers(-60, 60), st.integers(0, 4_000), st.integers(0, 90_000), st.integers(0, 40 * DAY_SECONDS)
)
VALUES = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from((None, "a", "b", "c")),
    st.sampled_from((None, "a", "b")),
    st.sampled_from((None, None, "a", "b")),
    st.sampled_from((None, "a")),
)
NEW = st.tuples(st.just("new"), VALUES, LATE, st.integers(0, 10**12))
REPEATED = st.tuples(st.sampled_from(("again", "failed", "failed again", "fraud", "honest")), st.integers(0, 100))
STEPS = st.lists(st.tuples(PAUSES, BEHIND, st.one_of(NEW, NEW, REPEATED)), min_size=1, max_size=30)
Step = tuple[int, int, tuple[object, ...]]


class History:
    """What was told to the counters, and the asking."""

    def __init__(self, velocity: Velocity) -> None:
        self.velocity = velocity
        self.counted: list[Counted] = []
        self.labels: list[Labeled] = []
        self.failures: dict[str, VelocityEvent] = {}

    async def take(self, step: tuple[object, ...], now: datetime) -> None:
        payments = [each.event for each in self.counted if each.what == "payment"]
        if step[0] == "new":
            _, (account, card, ip, device, mailbox), late, amount = step  # type: ignore[misc]
            at = now - timedelta(seconds=late)
            name = f"pay_{len(self.counted)}"
            await self.pay(VelocityEvent(name, at, amount, account, card, ip, device, mailbox), now)
        elif payments:
            event = payments[step[1] % len(payments)]  # type: ignore[operator]
            if step[0] == "again":
                await self.pay(event, now)
            elif step[0] in ("failed", "failed again"):
                await self.fail(event, now)
            else:
                self.labels.append(Labeled(event, step[0] == "fraud"))
                await self.velocity.count_label(event, is_fraud=step[0] == "fraud", now=now)

    async def pay(self, event: VelocityEvent, now: datetime) -> None:
        self.counted.append(Counted(event, now))
        reading, history = await self.velocity.read_and_count(event, now=now)
        assert dict(reading) == reading_of(self.counted, event, now=now)
        assert history == history_of(self.counted, self.labels, event, now=now)

    async def fail(self, event: VelocityEvent, now: datetime) -> None:
        failure = self.failures.setdefault(event.payment_id, event)
        self.counted.append(Counted(failure, now, "failure"))
        await self.velocity.count_failure(failure, now=now)


async def they_agree(redis: Redis, steps: list[Step]) -> None:
    await redis.flushall()
    velocity = Velocity(redis, patience_ms=10_000)
    history, at = History(velocity), START
    for pause, behind_ms, step in steps:
        at += timedelta(seconds=pause)
        await history.take(step, at - timedelta(milliseconds=behind_ms))
    await velocity.close()


UNHEALTHY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(steps=STEPS)
@settings(max_examples=60, suppress_health_check=UNHEALTHY)
async def test_live_counters_and_batch_agree(redis: Redis, steps: list[Step]) -> None:
    await they_agree(redis, steps)


@pytest.mark.long
@given(steps=STEPS)
@settings(max_examples=2_000, suppress_health_check=UNHEALTHY)
async def test_live_counters_and_batch_agree_in_two_thousand_histories(redis: Redis, steps: list[Step]) -> None:
    await they_agree(redis, steps)
