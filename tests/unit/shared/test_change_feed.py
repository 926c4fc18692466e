from collections.abc import Sequence

import pytest

from shared.change_feed import ChangeFeed
from shared.changes import Change, Poll
from shared.record_cache import RecordCache


class Time:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Changes:
    """What a poll answers, and from where it was asked."""

    def __init__(self) -> None:
        self.waiting: list[Change] = []
        self.asked: list[str | None] = []
        self.fails = False

    async def __call__(self, since: str | None) -> Poll:
        self.asked.append(since)
        if self.fails:
            raise ConnectionError
        found, self.waiting = self.waiting, []
        return Poll(str(len(self.asked)), found, too_many=False)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def feed(time: Time, changes: Changes) -> ChangeFeed:
    return ChangeFeed(changes, monotonic=time)


async def test_nothing_is_current_before_the_first_poll(feed: ChangeFeed) -> None:
    assert not feed.is_current
    await feed.poll()
    assert feed.is_current


async def test_trust_ends_900_ms_after_the_last_good_poll_was_asked(
    feed: ChangeFeed, time: Time, changes: Changes
) -> None:
    await feed.poll()
    time.now += 0.899
    assert feed.is_current
    time.now += 0.002
    assert not feed.is_current
    changes.fails = True
    with pytest.raises(ConnectionError):
        await feed.poll()
    assert not feed.is_current


async def test_failed_poll_goes_on_where_the_last_good_one_ended(feed: ChangeFeed, changes: Changes) -> None:
    await feed.poll()
    changes.fails = True
    with pytest.raises(ConnectionError):
        await feed.poll()
    changes.fails = False
    await feed.poll()
    assert changes.asked == [None, "1", "1"]


async def test_after_half_an_hour_without_a_poll_everything_is_forgotten(
    feed: ChangeFeed, time: Time, changes: Changes
) -> None:
    heard: list[str | None] = []
    feed.subscribe("key", heard.append)
    await feed.poll()
    heard.clear()
    time.now += 1801
    await feed.poll()
    assert (heard, changes.asked) == ([None], [None, None])


async def cache_of(feed: ChangeFeed, most: int = 3) -> tuple[RecordCache[str], list[bytes]]:
    loaded: list[bytes] = []

    async def load(digests: Sequence[bytes]) -> dict[bytes, str]:
        loaded.extend(digests)
        return {digest: digest.decode() for digest in digests if not digest.startswith(b"no")}

    cache = RecordCache[str](
        feed, load=load, refs={"key": lambda record: record, "account": lambda record: record[0]}, most=most
    )
    await feed.poll()
    return cache, loaded


async def test_record_is_loaded_once_until_its_key_or_account_changes(feed: ChangeFeed, changes: Changes) -> None:
    cache, loaded = await cache_of(feed)
    for _ in range(3):
        assert await cache.find(b"a1") == "a1"
    await cache.find(b"a2")
    await cache.find(b"b1")
    assert loaded == [b"a1", b"a2", b"b1"]
    loaded.clear()
    changes.waiting = [Change("key", "a1")]
    await feed.poll()
    for digest in (b"a1", b"a2", b"b1"):
        await cache.find(digest)
    assert loaded == [b"a1"]
    loaded.clear()
    changes.waiting = [Change("account", "a"), Change("session", "b1")]
    await feed.poll()
    for digest in (b"a1", b"a2", b"b1"):
        await cache.find(digest)
    assert loaded == [b"a1", b"a2"]


async def test_absence_is_remembered_until_anything_of_its_kind_changes(feed: ChangeFeed, changes: Changes) -> None:
    cache, loaded = await cache_of(feed)
    assert await cache.find(b"no1") is None
    assert await cache.find(b"no1") is None
    assert loaded == [b"no1"]
    changes.waiting = [Change("key", "brand new")]
    await feed.poll()
    await cache.find(b"no1")
    assert loaded == [b"no1", b"no1"]


async def test_cache_is_bounded_and_the_least_recently_used_goes(feed: ChangeFeed) -> None:
    cache, loaded = await cache_of(feed, most=2)
    for digest in (b"a", b"b", b"a", b"c", b"a", b"b"):
        await cache.find(digest)
    assert loaded == [b"a", b"b", b"c", b"b"]
    for number in range(100):
        await cache.find(f"no{number}".encode())
    assert len(cache) == 2 and len(cache._absent) == 2


async def test_index_is_emptied_with_the_records(feed: ChangeFeed, changes: Changes) -> None:
    cache, _loaded = await cache_of(feed, most=2)
    for digest in (b"a1", b"b1", b"c1", b"d1"):
        await cache.find(digest)
    assert {ref for of_kind in cache._by_ref.values() for ref in of_kind} == {"c1", "c", "d1", "d"}
    changes.waiting = [Change("account", "c"), Change("key", "d1")]
    await feed.poll()
    assert not any(cache._by_ref.values()) and len(cache) == 0


async def test_nothing_is_remembered_while_the_feed_is_not_heard(feed: ChangeFeed, time: Time) -> None:
    cache, loaded = await cache_of(feed)
    await cache.find(b"a1")
    time.now += 5
    for _ in range(2):
        assert await cache.find(b"a1") == "a1"
    assert loaded == [b"a1"] * 3
