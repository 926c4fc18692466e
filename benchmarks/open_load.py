"""Calls at a fixed rate, whatever the answers take (an open loop): each is timed from when it was due.

So a server that stalls is charged for all who came meanwhile. Calls that find no free connection wait, and their
waiting counts. Every request is another one, made before it is due.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

CONNECTIONS = 64
OK = 200
TICK_SECONDS = 0.000_5


@dataclass
class Calls:
    """What came of them. Latencies are seconds from when each was due."""

    request: Callable[[], bytes]
    many: int
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    waiting: deque[float] = field(default_factory=deque)
    idle: list["_Connection"] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, seconds: float, status: int) -> None:
        self.latencies.append(seconds)
        self.statuses[status] += 1
        if len(self.latencies) == self.many:
            self.over.set()

    @property
    def errors(self) -> int:
        return sum(self.statuses.values()) - self.statuses[OK]

    def quantile_ms(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1_000


class _Connection(asyncio.Protocol):
    """One call at a time; idle between."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._due_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._calls.idle.append(self)

    def ask(self, due_at: float) -> None:
        self._due_at = due_at
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(self._calls.request())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._calls.note(time.perf_counter() - self._due_at, self._parser.get_status_code())
        if self._calls.waiting:
            self.ask(self._calls.waiting.popleft())
        else:
            self._calls.idle.append(self)


def run(url: str, request: Callable[[], bytes], *, rate: int, seconds: float) -> Calls:
    """So many calls a second for so long; all that were due are answered at the end."""
    return uvloop.run(_run(url, request, rate=rate, seconds=seconds))


async def _run(url: str, request: Callable[[], bytes], *, rate: int, seconds: float) -> Calls:
    at = urlsplit(url)
    assert at.hostname is not None and at.port is not None
    calls, loop = Calls(request, many=int(rate * seconds)), asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(calls), at.hostname, at.port)
    began_at, due = time.perf_counter(), 0
    while due < calls.many:
        while due < calls.many and (due_at := began_at + due / rate) <= time.perf_counter():
            due += 1
            if calls.idle:
                calls.idle.pop().ask(due_at)
            else:
                calls.waiting.append(due_at)
        await asyncio.sleep(TICK_SECONDS)
    await calls.over.wait()
    return calls
