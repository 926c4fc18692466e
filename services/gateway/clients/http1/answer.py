"""An answer as its reader has it: a head, then a body that is whole or comes in pieces. At most `MARK` bytes and one
read of the socket wait here; past that the connection is not read from."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

Header = tuple[bytes, bytes]

MARK = 64 * 1024


class ExchangeFailed(Exception):
    """No answer, or one that ended before its end, or that is no HTTP. Says why for the log, never with content."""


class NotConnected(ExchangeFailed):
    """There was no connection to be had; nothing of the request was sent."""


class NoRoom(NotConnected):
    """All connections that there may be are in use, and none came free in time."""


class DiedUnanswered(ExchangeFailed):
    """The connection ended before a byte of the answer came."""


class _Source(Protocol):
    def close(self) -> None: ...

    def resume_reading(self) -> None: ...


class Answer:
    """Close it whatever happens. Where the body had come with the head it is `whole`, and nothing is left to close."""

    __slots__ = (
        "_failure",
        "_loop",
        "_pieces",
        "_source",
        "_waiter",
        "headers",
        "is_complete",
        "size_waiting",
        "status",
        "whole",
    )

    def __init__(self, source: _Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.whole: bytes | None = None
        self.is_complete = False
        self.size_waiting = 0
        self._source: _Source | None = source
        self._loop = loop
        self._pieces: list[bytes] = []
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def body(self) -> AsyncGenerator[bytes]:
        """The body as it comes, once. Raises ExchangeFailed where it is cut."""
        if self.whole:
            yield self.whole
        while self._pieces or not self.is_complete:
            if self._pieces:
                yield self._taken()
            elif self._failure is not None:
                raise self._failure
            else:
                await self.news()

    async def close(self) -> None:
        """Closing before the end of the body ends the connection. Safe to call twice."""
        if self._source is not None:
            self._source.close()
        self._pieces.clear()

    def _taken(self) -> bytes:
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self.size_waiting > MARK and self._source is not None:
            self._source.resume_reading()
        self.size_waiting = 0
        return piece

    # The connection's side

    async def news(self) -> None:
        """Wait for the head, a piece, or the end. Raises what `fail` is given before the head."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._failure is not None and not self.status:
            raise self._failure

    def settle(self) -> None:
        """The head came: where all came with it, the body is whole."""
        if self.is_complete:
            self.whole = self._taken() if self._pieces else b""

    def begin(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size_waiting += len(piece)

    def complete(self) -> None:
        self.is_complete = True
        self._source = None

    def fail(self, failure: BaseException) -> None:
        self._failure = failure
        self._source = None
        self.tell()

    def tell(self) -> None:
        """All that came with one read of the socket is there: wake who waits, once there is a head."""
        if self._waiter is not None and (self.status or self._failure is not None) and not self._waiter.done():
            self._waiter.set_result(None)
