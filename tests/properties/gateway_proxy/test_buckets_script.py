"""The Lua script and the pure rule are one rule: whatever calls come whenever, both say the same (S2)."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.gateway.domain.admission import AbuseRule, Decision, KeyState, admit, buckets_of
from services.gateway.store.buckets import Buckets

RULE = AbuseRule(refused_calls=5, window_ms=60_000)
START_MS = 1_800_000_000_000

LIMITS = st.one_of(st.none(), st.integers(1, 120), st.just(10_000), st.just(100_000_000))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("call", "call", "call", "ban", "lift")),
        st.one_of(st.integers(0, 20), st.integers(0, 2_000), st.integers(-5_000, 90_000), st.integers(0, 90_000_000)),
        st.integers(1, 30),
        st.tuples(LIMITS, LIMITS),
    ),
    min_size=1,
    max_size=30,
)


@given(steps=STEPS)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_script_and_rule_agree(
    redis: Redis, steps: list[tuple[str, int, int, tuple[int | None, int | None]]]
) -> None:
    await redis.flushdb()
    shared, state, now_ms = Buckets(redis, RULE), KeyState(), START_MS
    for action, pause_ms, times, (per_minute, per_day) in steps:
        now_ms += pause_ms
        if action == "ban":
            until = now_ms + 30_000
            await shared.ban("acct_1", "key_1", until_ms=until, for_ms=30_000)
            state = replace(state, banned_until_ms=until, refused=0)
        elif action == "lift":
            await shared.lift("acct_1", "key_1")
            state = replace(state, banned_until_ms=0, refused=0, refused_since_ms=0)
        else:
            buckets = buckets_of(per_minute=per_minute, per_day=per_day)
            for _ in range(times):
                said = await shared.admit("acct_1", "key_1", buckets, now_ms=now_ms)
                expected, state = admit(state, buckets, RULE, now_ms=now_ms)
                assert said == expected


async def test_burst_passes_the_capacity_and_then_the_rate(redis: Redis) -> None:
    buckets = buckets_of(per_minute=100, per_day=10_000)
    shared = Buckets(redis, RULE)
    said = [await shared.admit("a", "k", buckets, now_ms=START_MS) for _ in range(130)]
    assert sum(one.decision is Decision.ADMITTED for one in said) == 100
    later = [await shared.admit("a", "k", buckets, now_ms=START_MS + 6_000) for _ in range(20)]
    assert sum(one.decision is Decision.ADMITTED for one in later) == 10


async def test_refused_call_takes_nothing_from_the_day(redis: Redis) -> None:
    buckets = buckets_of(per_minute=1, per_day=10)
    shared = Buckets(redis, RULE)
    await shared.admit("a", "k", buckets, now_ms=START_MS)
    said = [await shared.admit("a", "k", buckets, now_ms=START_MS) for _ in range(5)]
    assert {one.decision for one in said} == {Decision.LIMITED}
    assert said[-1].units[1] // buckets[1].window_ms == 9


@pytest.mark.parametrize(("flushes_scripts"), [True, False])
async def test_it_uses_the_servers_clock_and_survives_lost_scripts(redis: Redis, flushes_scripts: bool) -> None:
    buckets = buckets_of(per_minute=100, per_day=10_000)
    shared = Buckets(redis, RULE)
    await shared.admit("a", "k", buckets)
    if flushes_scripts:
        await redis.script_flush()
    said = await shared.admit("a", "k", buckets)
    assert said.decision is Decision.ADMITTED
    assert said.units[0] // buckets[0].window_ms in (98, 99)
