"""The Lua script and the pure rule are one rule: whatever batches of calls come whenever, both say the same (S2)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.gateway.domain.admission import (
    AbuseRule,
    Admission,
    Allowance,
    Decision,
    KeyState,
    admit,
    allowance_of,
    debit,
)
from services.gateway.store.buckets import Asked, Buckets

RULE = AbuseRule(refused_calls=5, window_ms=60_000)
START_MS = 1_800_000_000_000

LIMITS = st.one_of(st.none(), st.integers(1, 120), st.just(10_000), st.just(100_000_000))
PAUSES = st.one_of(st.integers(0, 20), st.integers(0, 2_000), st.integers(-5_000, 90_000), st.integers(0, 90_000_000))
QUESTIONS = st.builds(
    lambda key, limits, times, spent: Asked("acct_1", key, allowance_of(*limits), times, spent),
    st.sampled_from(("key_1", "key_1", "key_2", "key_3")),
    st.tuples(LIMITS, LIMITS),
    st.integers(0, 30),
    st.one_of(st.just(0), st.integers(0, 40)),
)
STEPS = st.lists(
    st.tuples(PAUSES, st.one_of(st.lists(QUESTIONS, max_size=5), st.sampled_from(("ban", "lift")))),
    min_size=1,
    max_size=30,
)
Batch = list[Asked]


class Rule:
    """The pure rule, one call after the other, over several keys."""

    def __init__(self) -> None:
        self.states: dict[str, KeyState] = {}

    def state(self, key: str) -> KeyState:
        return self.states.get(key, KeyState())

    def judge(self, asked: Asked, now_ms: int) -> list[Admission]:
        state, said = self.state(asked.key_id), []
        if asked.spent:
            state = debit(state, asked.allowance, calls=asked.spent, now_ms=now_ms)
        for _ in range(asked.times):
            admission, state = admit(state, asked.allowance, RULE, now_ms=now_ms)
            said.append(admission)
        self.states[asked.key_id] = state
        return said


UNHEALTHY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=UNHEALTHY)
async def test_script_and_rule_agree(redis: Redis, steps: list[tuple[int, Batch | str]]) -> None:
    await they_agree(redis, steps)


@pytest.mark.long
@given(steps=STEPS)
@settings(max_examples=1_000, deadline=None, suppress_health_check=UNHEALTHY)
async def test_script_and_rule_agree_in_a_thousand_histories(
    redis: Redis, steps: list[tuple[int, Batch | str]]
) -> None:
    await they_agree(redis, steps)


async def they_agree(redis: Redis, steps: list[tuple[int, Batch | str]]) -> None:
    await redis.flushdb()
    shared, rule, now_ms = Buckets(redis, RULE), Rule(), START_MS
    for pause_ms, action in steps:
        now_ms += pause_ms
        if action == "ban":
            until = now_ms + 30_000
            await shared.ban("acct_1", "key_1", until_ms=until, for_ms=30_000)
            rule.states["key_1"] = replace(rule.state("key_1"), banned_until_ms=until, refused=0)
        elif action == "lift":
            await shared.lift("acct_1", "key_1")
            lifted = replace(rule.state("key_1"), banned_until_ms=0, refused=0, refused_since_ms=0)
            rule.states["key_1"] = lifted
        elif not isinstance(action, str):
            shared.test_now_ms = now_ms
            judged = await shared.judge(action)
            assert [asked for asked, _ in judged] == action
            for asked, judgement in judged:
                said = [judgement.nth(position) for position in range(asked.times)]
                assert said == rule.judge(asked, now_ms)
    await shared.close()


async def calls(shared: Buckets, allowance: Allowance, times: int, *, now_ms: int = 0) -> list[Admission]:
    shared.test_now_ms = now_ms
    [(_, judgement)] = await shared.judge([Asked("a", "k", allowance, times)])
    return [judgement.nth(position) for position in range(times)]


@pytest.fixture
async def shared(redis: Redis) -> AsyncIterator[Buckets]:
    made = Buckets(redis, RULE)
    yield made
    await made.close()


async def test_burst_passes_the_capacity_and_then_the_rate(shared: Buckets) -> None:
    allowance = allowance_of(100, 10_000)
    said = [(await calls(shared, allowance, 1, now_ms=START_MS))[0] for _ in range(130)]
    assert sum(one.decision is Decision.ADMITTED for one in said) == 100
    later = await calls(shared, allowance, 20, now_ms=START_MS + 6_000)
    assert [one.decision for one in later] == [Decision.ADMITTED] * 10 + [Decision.LIMITED] * 10


async def test_refused_call_takes_nothing_from_the_day(shared: Buckets) -> None:
    allowance = allowance_of(1, 10)
    said = await calls(shared, allowance, 6, now_ms=START_MS)
    assert {one.decision for one in said[1:]} == {Decision.LIMITED}
    assert said[-1].units[1] // allowance.buckets[1].window_ms == 9


@pytest.mark.parametrize(("flushes_scripts"), [True, False])
async def test_it_uses_the_servers_clock_and_survives_lost_scripts(
    redis: Redis, shared: Buckets, flushes_scripts: bool
) -> None:
    allowance = allowance_of(100, 10_000)
    await calls(shared, allowance, 1)
    if flushes_scripts:
        await redis.script_flush()
    [said] = await calls(shared, allowance, 1)
    assert said.decision is Decision.ADMITTED
    assert said.units[0] // allowance.buckets[0].window_ms in (98, 99)


async def test_a_dead_connection_is_made_anew(redis: Redis, shared: Buckets) -> None:
    allowance = allowance_of(100, 10_000)
    await calls(shared, allowance, 1)
    await redis.client_kill_filter(_type="normal", skipme=True)
    [said] = await calls(shared, allowance, 1)
    assert said.decision is Decision.ADMITTED
