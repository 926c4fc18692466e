"""Callers of streams: many at once, opened one after the other, that read to the end or stop reading.

One that reads counts the bytes of the body and says whether the stream's own end (`[DONE]`) came. One that stops does
so right after the answer's head, keeps its connection open, and never looks again.
"""

import asyncio
import resource
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

LAST = b"[DONE]"
DESCRIPTORS = 16_384


@dataclass
class Streams:
    """What came of them so far."""

    opened: int = 0
    begun: int = 0
    complete: int = 0
    cut: int = 0
    bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def ended(self) -> int:
        return self.complete + self.cut


@dataclass
class Callers:
    """So many callers of one address. `close` hangs up what is still open."""

    url: str
    request: bytes
    stops_reading: bool = False
    streams: Streams = field(default_factory=Streams)
    expected: int = 0
    _open: list[asyncio.BaseTransport] = field(default_factory=list)
    _all_begun: asyncio.Event = field(default_factory=asyncio.Event)
    _all_ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, count: int, *, within_seconds: float) -> None:
        """Opens them at an even pace."""
        _allow_descriptors()
        self.expected = count
        loop, at = asyncio.get_running_loop(), urlsplit(self.url)
        assert at.hostname is not None and at.port is not None
        began_at = loop.time()
        for number in range(count):
            await asyncio.sleep(max(0.0, began_at + within_seconds * number / count - loop.time()))
            made = await loop.create_connection(lambda: _Reader(self), at.hostname, at.port)
            self._open.append(made[0])
            self.streams.opened += 1

    async def all_begun(self, *, within_seconds: float) -> None:
        """Returns once all that were opened have an answer's head or none to come, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._all_begun.wait()

    async def ended(self, *, within_seconds: float) -> None:
        """Returns once all that were opened have ended, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self._all_ended.wait()

    def one_changed(self) -> None:
        if self.streams.begun + self.streams.cut >= self.expected:
            self._all_begun.set()
        if self.streams.ended >= self.expected:
            self._all_ended.set()

    def close(self) -> None:
        for transport in self._open:
            transport.close()


class _Reader(asyncio.Protocol):
    """One connection, one stream."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._streams = callers.streams
        self._tail = b""
        self._has_ended = False
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(self._callers.request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        self._streams.begun += 1
        self._streams.statuses[self._parser.get_status_code()] += 1
        self._callers.one_changed()
        if self._callers.stops_reading:
            self._transport.pause_reading()

    def on_body(self, body: bytes) -> None:
        self._streams.bytes += len(body)
        self._tail = (self._tail + body)[-32:]

    def on_message_complete(self) -> None:
        self._end(is_complete=LAST in self._tail)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(is_complete=False)

    def _end(self, *, is_complete: bool) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        if is_complete:
            self._streams.complete += 1
        else:
            self._streams.cut += 1
        self._callers.one_changed()


def _allow_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(most, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))
