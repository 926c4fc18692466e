"""The bucket in Redis counts as `shared.token_bucket` does, to the unit."""

import asyncio
import struct
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from redis.asyncio import Redis

from services.licensing.store.validation_limits import SCRIPT
from shared import bus
from shared.token_bucket import Bucket, Level, level_at, take
from tests.conftest import Servers

_names = count()
START_MS = 1_800_000_000_000


@pytest.fixture(scope="module")
def kept_redis(servers: Servers, runner: asyncio.Runner) -> Iterator[Redis]:
    client = bus.connect(servers.redis.url)
    yield client
    runner.run(client.aclose())


@given(
    capacity=st.integers(1, 1_000),
    window_ms=st.sampled_from([1_000, 60_000]),
    pauses=st.lists(st.integers(-5_000, 90_000), min_size=1, max_size=12),
)
@examples(max_examples=60)
def test_the_script_is_the_token_bucket(
    kept_redis: Redis, runner: asyncio.Runner, capacity: int, window_ms: int, pauses: list[int]
) -> None:
    bucket = Bucket("key", capacity, window_ms)
    key, now = f"test:validation-bucket:{next(_names)}", START_MS
    level: Level | None = None

    async def both() -> None:
        nonlocal level, now
        for pause in pauses:
            now += pause
            found = level_at(bucket, level, now)
            admitted = found.units >= window_ms
            if admitted:
                # A refused call writes nothing.
                (found,) = (level,) = take([bucket], [found], calls=1)
            said = await kept_redis.eval(SCRIPT, 1, key, now, capacity, window_ms)
            assert struct.unpack(">2q", said) == (int(admitted), found.units)

    runner.run(both())
