"""The benchmark's callers and the upstream that all contestants stand before, over real connections."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import load, wrk
from benchmarks.paid_calls import BODY
from benchmarks.started import Upstream, running_upstream
from benchmarks.stream_load import Callers


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    folder: Path = tmp_path_factory.mktemp("bench")
    with running_upstream(folder) as running:
        yield running


def test_every_call_that_is_asked_is_counted(upstream: Upstream) -> None:
    url = f"{upstream.origin}/bench/chat"
    round_ = load.run(url, [load.request_bytes(url, BODY, {})], connections=4, calls=101)
    assert (round_.calls, round_.errors, round_.cut_off) == (101, 0, 0)
    assert 0 < round_.p50_ms <= round_.p99_ms


@pytest.mark.skipif(not wrk.is_there(), reason="there is no wrk on the PATH")
def test_wrk_tells_the_same_kind_of_round(upstream: Upstream) -> None:
    headers = {"X-API-Key": 'a "quoted" key'}
    round_ = wrk.run(f"{upstream.origin}/bench/chat", BODY, headers, connections=4, seconds=1)
    assert round_.calls > 100
    assert (round_.errors, round_.cut_off) == (0, 4)
    assert 0 < round_.p50_ms <= round_.p99_ms


def test_streams_are_read_to_their_own_end(upstream: Upstream) -> None:
    url = f"{upstream.origin}/bench/stream/2/5/chat/completions"

    async def read() -> Callers:
        callers = Callers(url, load.request_bytes(url, BODY, {}))
        await callers.open(20, within_seconds=0.1)
        await callers.ended(within_seconds=10)
        callers.close()
        return callers

    streams = asyncio.run(read()).streams
    assert (streams.opened, streams.complete, streams.cut) == (20, 20, 0)


def test_a_caller_who_stops_reading_gets_little_of_a_flood(upstream: Upstream) -> None:
    url = f"{upstream.origin}/bench/flood/64/chat/completions"

    async def stop_reading() -> Callers:
        callers = Callers(url, load.request_bytes(url, BODY, {}), stops_reading=True)
        await callers.open(3, within_seconds=0)
        await callers.all_begun(within_seconds=10)
        callers.close()
        return callers

    streams = asyncio.run(stop_reading()).streams
    assert (streams.begun, streams.complete) == (3, 0)
    assert streams.bytes < 64 * 2**20
