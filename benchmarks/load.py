"""A load generator: so many connections, each asking again as soon as it is answered (a closed loop).

It parses with httptools and runs on uvloop, so that it costs little beside what it measures; it shares the machine
with that all the same, and its own CPU time is reported. A connection asks the given requests in turn, beginning at a
place of its own. The calls that are under way at the end are waited for, so that every call asked is counted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

OK = 200


@dataclass(frozen=True)
class Round:
    """What came of one round, whoever asked. `calls` are those answered with 200."""

    calls: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    generator_cpu_seconds: float
    cut_off: int = 0  # calls that may have been under way when the generator left

    @property
    def calls_per_second(self) -> float:
        return self.calls / self.seconds


@dataclass
class Tally:
    """Counts while a round runs. Latencies are seconds."""

    over_at: float = 0.0
    most_calls: int | None = None
    asked: int = 0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def may_ask(self, now: float) -> bool:
        return self.asked < self.most_calls if self.most_calls is not None else now < self.over_at

    def quantile_ms(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1_000


def request_bytes(url: str, body: bytes, headers: dict[str, str], *, method: str = "POST") -> bytes:
    """A POST of JSON, or what else the method says."""
    at = urlsplit(url)
    named = {"Host": at.netloc, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {at.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def run(
    url: str, requests: Sequence[bytes], *, connections: int, seconds: float = 0.0, calls: int | None = None
) -> Round:
    """One round of so many seconds or calls. Raises ConnectionError where a connection ends before its time."""
    return uvloop.run(_run(url, requests, connections=connections, seconds=seconds, calls=calls))


async def _run(url: str, requests: Sequence[bytes], *, connections: int, seconds: float, calls: int | None) -> Round:
    at = urlsplit(url)
    assert at.hostname is not None and at.port is not None
    host, port = at.hostname, at.port
    loop = asyncio.get_running_loop()
    tally = Tally(most_calls=calls)
    opened: list[_Caller] = []
    for number in range(connections):
        first = number * len(requests) // connections
        made = await loop.create_connection(lambda first=first: _Caller(requests, first, tally), host, port)  # type: ignore[misc]
        opened.append(made[1])
    began_at, cpu_before = time.perf_counter(), time.process_time()
    tally.over_at = began_at + seconds
    for caller in opened:
        caller.ask_or_end()
    await asyncio.gather(*(caller.done for caller in opened))
    took, cpu = time.perf_counter() - began_at, time.process_time() - cpu_before
    for caller in opened:
        caller.close()
    good = tally.statuses[OK]
    return Round(good, tally.asked - good, took, tally.quantile_ms(0.5), tally.quantile_ms(0.99), cpu)


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Sequence[bytes], first: int, tally: Tally) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._next = first
        self._tally = tally
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class

    def ask_or_end(self) -> None:
        now = time.perf_counter()
        if not self._tally.may_ask(now):
            self.done.set_result(None)
            return
        self._tally.asked += 1
        self._parser = httptools.HttpResponseParser(self)
        self._asked_at = now
        self._transport.write(self._requests[self._next])
        self._next = (self._next + 1) % len(self._requests)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._tally.latencies.append(time.perf_counter() - self._asked_at)
        self._tally.statuses[self._parser.get_status_code()] += 1
        self.ask_or_end()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()
