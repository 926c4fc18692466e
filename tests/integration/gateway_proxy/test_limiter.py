"""The limiter on a real Redis: calls share questions, a silence is bridged and told afterwards, a cluster will do."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from deploy.local.redis import find_program
from services.gateway.domain.account import Identity
from services.gateway.domain.admission import AbuseRule, Decision, allowance_of
from services.gateway.domain.api_key_limits import Limits
from services.gateway.domain.key_record import KeyRecord
from services.gateway.store.buckets import Asked, Buckets
from services.gateway.use_cases.paid_call.limiter import Limiter
from shared import bus
from tests.conftest import Servers
from tests.support.cluster import RedisCluster
from tests.support.http import eventually

RULE = AbuseRule(refused_calls=200, window_ms=60_000)


def record(account: str, key: str, per_minute: int = 1_000) -> KeyRecord:
    identity = Identity(account, "customer", "new", "active", None, "", "")
    return KeyRecord(key, identity, ("proxy",), (), Limits(per_minute, None), None, None)


def limiter_of(redis: Redis, *, deadline_ms: int = 5_000) -> Limiter:
    return Limiter(Buckets(redis, RULE), RULE, deadline_ms=deadline_ms, processes=1)


@pytest.fixture
async def limiter(redis: Redis) -> AsyncIterator[Limiter]:
    made = limiter_of(redis)
    yield made
    await made.close()


async def script_calls(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def left(redis: Redis, one: KeyRecord) -> int:
    """What Redis has of a key."""
    buckets = Buckets(redis, RULE)
    limits = one.limits
    asked = Asked(one.account_id, one.key_id, allowance_of(limits.per_minute, limits.per_day))
    [(_, judgement)] = await buckets.judge([asked])
    await buckets.close()
    return judgement.units[0] // 60_000


async def test_calls_that_come_together_share_a_script_call(redis: Redis, limiter: Limiter) -> None:
    records = [record(f"acct_{number}", f"key_{number}") for number in range(20)]
    await limiter.admit(records[0])
    await redis.config_resetstat()
    said = await asyncio.gather(*(limiter.admit(records[number % 20]) for number in range(400)))
    assert {one.decision for one in said} == {Decision.ADMITTED}
    assert sorted(one.units[0] // 60_000 for one in said)[::20][:3] == [979, 980, 981]
    assert await script_calls(redis) == 1


async def test_alone_a_call_waits_for_nobody(redis: Redis, limiter: Limiter) -> None:
    await redis.config_resetstat()
    for _ in range(5):
        assert (await limiter.admit(record("a", "k"))).decision is Decision.ADMITTED
    assert await script_calls(redis) == 5


async def test_limits_hold_between_calls_of_one_batch(limiter: Limiter) -> None:
    said = await asyncio.gather(*(limiter.admit(record("a", "k", per_minute=10)) for _ in range(15)))
    assert [one.decision for one in said] == [Decision.ADMITTED] * 10 + [Decision.LIMITED] * 5
    assert [one.refused for one in said[10:]] == [1, 2, 3, 4, 5]


async def test_what_was_admitted_in_a_silence_is_told_afterwards(redis: Redis, servers: Servers) -> None:
    limiter, one = limiter_of(redis, deadline_ms=100), record("a", "k")
    assert (await limiter.admit(one)).units[0] // 60_000 == 999
    pid = servers.redis.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await limiter.admit(one)  # asked in vain: whether Redis counts it is not known
        began = time.monotonic()
        for _ in range(100):
            assert (await limiter.admit(one)).decision is Decision.ADMITTED
        assert time.monotonic() - began < 1
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(lambda: not limiter._is_local and not limiter._own.owes)
    assert 890 <= await left(redis, one) <= 925
    await limiter.close()


async def test_nobody_is_stuck_when_it_closes(redis: Redis, servers: Servers) -> None:
    limiter, pid = limiter_of(redis), servers.redis.pid
    assert pid is not None
    await limiter.admit(record("a", "k"))
    os.kill(pid, signal.SIGSTOP)
    try:
        waiting = [asyncio.create_task(limiter.admit(record("a", "k"))) for _ in range(3)]
        await asyncio.sleep(0)
        await limiter.close()
        said = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert {one.decision for one in said} == {Decision.ADMITTED}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with RedisCluster.running(find_program(), folder) as made:
        yield made


async def test_on_a_cluster_a_batch_is_a_script_call_for_each_slot(cluster: RedisCluster) -> None:
    redis = bus.connect(cluster.urls[0])
    limiter = limiter_of(redis)
    records = [record(f"acct_{number}", f"key_{number}", per_minute=3) for number in range(40)]
    said = await asyncio.gather(*(limiter.admit(one) for one in records for _ in range(4)))
    assert sum(one.decision is Decision.ADMITTED for one in said) == 120
    assert len(limiter._shared._lines._lines) >= 2, "there is a connection to each node"
    assert not limiter._is_local
    buckets = limiter._shared
    for one in records[:4]:
        await buckets.ban(one.account_id, one.key_id, until_ms=int(time.time() * 1_000) + 60_000, for_ms=60_000)
        assert (await limiter.admit(one)).decision is Decision.BANNED
        await buckets.lift(one.account_id, one.key_id)
        assert (await limiter.admit(one)).decision is Decision.LIMITED
    await limiter.close()
    await redis.aclose()


async def test_a_slot_that_moved_is_found_again(cluster: RedisCluster) -> None:
    redis = bus.connect(cluster.urls[0])
    buckets = Buckets(redis, RULE)
    asked = [Asked(f"acct_{number}", "key", allowance_of(100, None), 1) for number in range(40)]
    await buckets.judge(asked)
    slots = buckets._lines._slots
    assert slots is not None
    slots[:] = [slots[0]] * len(slots)  # as if every slot had been the first node's when we looked
    judged = await buckets.judge(asked)
    assert {(judgement.admitted, judgement.units[0] // 60_000) for _, judgement in judged} == {(1, 98)}
    await buckets.close()
    await redis.aclose()
