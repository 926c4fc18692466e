"""The counters on a real Redis: bounded, kept apart by slot, and honest about a Redis that is away (U9)."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from deploy.local.redis import find_program
from services.fraud.domain.model_features import Day
from services.fraud.domain.velocity import DISTINCT, KINDS, Counted, Entity, VelocityEvent, history_of, reading_of
from services.fraud.store.velocity import Velocity, VelocityDown, forget_all, key_of
from shared import bus
from tests.conftest import Servers
from tests.support.cluster import RedisCluster

NOW = datetime(2027, 1, 15, 12, 30, tzinfo=UTC)
MOST_BYTES = 1_500_000
"""Of an entity that is told of without end: docs/fraud-features.md says as much."""


def paid(name: str, *, at: datetime = NOW, amount: int = 100, **who: str) -> VelocityEvent:
    return VelocityEvent(name, at, amount, **{"account": "acct_1", **who})


@pytest.fixture
async def velocity(redis: Redis) -> AsyncIterator[Velocity]:
    made = Velocity(redis, patience_ms=10_000)
    yield made
    await made.close()


async def script_calls(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def test_a_judgement_is_one_script_call(redis: Redis, velocity: Velocity) -> None:
    await redis.config_resetstat()
    reading, _ = await velocity.read_and_count(paid("1", card="c", ip="i", device="d", mailbox="m"), now=NOW)
    assert [reading[f"{kind}_payments_minute"] for kind in KINDS] == [1] * 5
    assert [reading[f"{kind}_{other}s_day"] for kind in KINDS for other in DISTINCT[kind]] == [1] * 8
    assert await script_calls(redis) == 1


async def test_judgements_that_come_together_share_script_calls(redis: Redis, velocity: Velocity) -> None:
    await velocity.count(paid("0"), now=NOW)
    await redis.config_resetstat()
    read = await asyncio.gather(*(velocity.read_and_count(paid(str(n)), now=NOW) for n in range(1, 81)))
    assert [reading["account_payments_minute"] for reading, _ in read] == list(range(2, 82))
    assert await script_calls(redis) == 10


async def test_different_values_are_counted_within_two_percent(velocity: Velocity) -> None:
    events = [paid(str(n), at=NOW - timedelta(hours=n % 24), account=f"acct_{n}", ip="i") for n in range(1_500)]
    for start in range(0, len(events), 500):
        await asyncio.gather(*(velocity.count(event, now=NOW) for event in events[start : start + 500]))
    reading, _ = await velocity.read_and_count(events[0], now=NOW)
    assert reading["ip_payments_day"] == 1_500
    assert reading["ip_accounts_day"] == pytest.approx(1_500, rel=0.02)


async def bytes_of(redis: Redis, entity: Entity) -> int:
    keys = [key async for key in redis.scan_iter(match=key_of(entity) + b"*", count=1_000)]
    return sum([await redis.memory_usage(key) or 0 for key in keys])


async def test_what_an_entity_leaves_is_bounded_and_expires(redis: Redis, velocity: Velocity) -> None:
    """An account with more payments and values than anybody remembers, within a day and a night; a card beside it."""
    key = key_of(Entity("account", "acct_1"))
    hours = [NOW - timedelta(hours=hour) for hour in range(25)]
    seen = {key + f":seen:{at.timestamp() // 86_400:.0f}".encode() for at in hours}
    for name in seen:
        await redis.sadd(name, *range(1 << 60, (1 << 60) + 4_096))
    for number, at in enumerate(hours):
        for kind in ("card", "ip", "device"):
            await redis.pfadd(key + f":{kind}:{at.timestamp() // 3_600:.0f}".encode(), *range(2_000))
        await velocity.count(paid(str(number), at=at, card="c", ip="i", device="d"), now=NOW)
    assert [await redis.scard(name) for name in seen] == [4_096, 4_096]
    assert 1_000_000 < await bytes_of(redis, Entity("account", "acct_1")) < MOST_BYTES
    await velocity.count(paid("quiet", card="quiet"), now=NOW)
    assert await bytes_of(redis, Entity("card", "quiet")) < 1_000


async def test_every_key_expires(redis: Redis, velocity: Velocity) -> None:
    payment = paid("1", card="c", ip="i", device="d", mailbox="m")
    await velocity.count(payment, now=NOW)
    await velocity.count_failure(payment, now=NOW)
    await velocity.count_label(payment, is_fraud=True, now=NOW)
    left = [await redis.pttl(key) for key in await redis.keys()]
    assert len(left) == 20
    assert min(left) > 0 and max(left) <= 40 * 86_400_000


async def test_old_buckets_are_pruned(redis: Redis, velocity: Velocity) -> None:
    """A payment every 21 minutes for three days leaves no more than one each hour of the last one does."""
    sizes = []
    for minute in range(0, 3 * 1_440, 21):
        at = NOW + timedelta(minutes=minute)
        await velocity.count(paid(str(minute), at=at), now=at)
        sizes.append(await redis.strlen(key_of(Entity("account", "acct_1"))))
    assert max(sizes) <= 3 + 20 * (13 + 13 + 25)


async def test_label_of_a_day_without_payments_is_dropped(velocity: Velocity) -> None:
    await velocity.count_label(paid("lost", at=NOW - timedelta(days=3)), is_fraud=True, now=NOW)
    known, told = paid("known"), paid("told")
    await velocity.count(known, now=NOW)
    for payment in (known, told):  # one payment, so at most one fraud
        await velocity.count_label(payment, is_fraud=True, now=NOW)
    _, history = await velocity.read_and_count(paid("next"), now=NOW)
    assert history.account == {NOW.timestamp() // 86_400: Day(1, 100, 1)}


async def test_repeated_label_counts_once_and_the_last_word_holds(velocity: Velocity) -> None:
    first, second, today = paid("1"), paid("2"), NOW.timestamp() // 86_400
    for payment in (first, second):
        await velocity.count(payment, now=NOW)
    for words, frauds in (((True, True), 1), ((False, False), 0), ((False, True), 1)):
        for is_fraud in words:
            await velocity.count_label(first, is_fraud=is_fraud, now=NOW)
        _, history = await velocity.read_and_count(second, now=NOW)
        assert history.account == {today: Day(1, 100, frauds)}


async def test_process_whose_clock_is_a_little_behind_misses_nothing(velocity: Velocity) -> None:
    """Another one, a millisecond ahead, has begun the bucket with which the first payment leaves the window."""
    ahead = NOW + timedelta(seconds=60)
    await velocity.count(paid("1"), now=NOW)
    await velocity.count(paid("2", at=ahead), now=ahead)
    behind = ahead - timedelta(milliseconds=1)
    reading, _ = await velocity.read_and_count(paid("3", at=behind), now=behind)
    assert reading["account_payments_minute"] == 2
    reading, _ = await velocity.read_and_count(paid("4", at=ahead), now=ahead)
    assert reading["account_payments_minute"] == 3


async def test_silent_redis_is_waited_for_no_longer_than_said(redis: Redis, servers: Servers) -> None:
    velocity, pid = Velocity(redis, patience_ms=50), servers.redis.pid
    assert pid is not None
    await velocity.count(paid("1"), now=NOW)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for name in ("2", "3"):
            with pytest.raises(VelocityDown):
                await velocity.read_and_count(paid(name), now=NOW)
        assert time.monotonic() - began < 0.9
    finally:
        os.kill(pid, signal.SIGCONT)
    await velocity.close()
    velocity = Velocity(redis, patience_ms=10_000)
    reading, _ = await velocity.read_and_count(paid("4"), now=NOW)
    assert reading["account_payments_minute"] == 4, "what nobody waited for any longer counts"
    await velocity.close()


async def test_queue_is_bounded(velocity: Velocity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.fraud.store.velocity._MOST_WAITING", 3)
    asked = [velocity.read_and_count(paid(str(n)), now=NOW) for n in range(5)]
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(one, VelocityDown) for one in said] == [False] * 3 + [True] * 2


async def test_all_is_forgotten_but_what_others_keep(redis: Redis, velocity: Velocity) -> None:
    await redis.set("tg:fr:{other}:matter", b"1")
    await velocity.count(paid("1", card="c"), now=NOW)
    assert await forget_all(redis) == 6
    assert await redis.keys() == [b"tg:fr:{other}:matter"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with RedisCluster.running(find_program(), folder) as made:
        yield made


async def test_on_a_cluster_a_judgement_is_a_script_call_for_each_slot(cluster: RedisCluster) -> None:
    redis = bus.connect(cluster.urls[0])
    velocity = Velocity(redis, patience_ms=10_000)
    events = [paid(str(n), account=f"a{n % 7}", card=f"c{n % 5}", ip=f"i{n % 3}", device="d") for n in range(40)]
    read = await asyncio.gather(*(velocity.read_and_count(event, now=NOW) for event in events))
    for place, (reading, history) in enumerate(read):
        counted = [Counted(event, NOW) for event in events[: place + 1]]
        assert dict(reading) == reading_of(counted, events[place], now=NOW)
        assert history == history_of(counted, [], events[place], now=NOW)
    assert len(velocity._lines._lines) == 3, "the server that the settings name, and each node"
    assert await forget_all(redis) > 40
    reading, _ = await velocity.read_and_count(events[0], now=NOW)
    assert reading["account_payments_day"] == 1
    await velocity.close()
    await redis.aclose()


def test_all_of_an_entity_lies_in_one_slot() -> None:
    key = key_of(Entity("ip", "0" * 64))
    assert key == b"tg:fr:{ip:" + b"0" * 40 + b"}:velocity"
    assert key_slot(key) == key_slot(key + b":days") == key_slot(key + b":account:479")
