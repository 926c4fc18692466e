"""A load generator: so many connections, each asking again as soon as it is answered (a closed loop).

It parses with httptools and runs on uvloop, so that it costs little beside what it measures; it shares the machine
with that all the same, and its own CPU time is reported. A request is the same bytes each time.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop


@dataclass
class Tally:
    """What came of a round. Latencies are seconds."""

    over_at: float
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    own_cpu_seconds: float = 0.0

    @property
    def calls(self) -> int:
        return len(self.latencies)

    def quantile_ms(self, part: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1_000


def request_bytes(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST of JSON."""
    at = urlsplit(url)
    named = {"Host": at.netloc, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"POST {at.path} HTTP/1.1\r\n{head}\r\n".encode() + body


def run(url: str, request: bytes, *, connections: int, seconds: float) -> Tally:
    """One round. Raises ConnectionError where a connection ends before its time."""
    return uvloop.run(_run(url, request, connections=connections, seconds=seconds))


async def _run(url: str, request: bytes, *, connections: int, seconds: float) -> Tally:
    at = urlsplit(url)
    assert at.hostname is not None and at.port is not None
    host, port = at.hostname, at.port
    loop = asyncio.get_running_loop()
    tally = Tally(0.0)
    opened = [
        (await loop.create_connection(lambda: _Caller(request, tally), host, port))[1] for _ in range(connections)
    ]
    began_at, cpu_before = time.perf_counter(), time.process_time()
    tally.over_at = began_at + seconds
    for caller in opened:
        caller.ask()
    await asyncio.gather(*(caller.done for caller in opened))
    tally.seconds = time.perf_counter() - began_at
    tally.own_cpu_seconds = time.process_time() - cpu_before
    for caller in opened:
        caller.close()
    return tally


class _Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._tally = tally
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class

    def ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._asked_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._tally.latencies.append(now - self._asked_at)
        self._tally.statuses[self._parser.get_status_code()] += 1
        if now < self._tally.over_at:
            self.ask()
        else:
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()
