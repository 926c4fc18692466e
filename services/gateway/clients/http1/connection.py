"""One connection: a request, its answer, the next request. Never two at once, and never again after anything odd."""

import asyncio
import select
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import Protocol, cast

import httptools

from services.gateway.clients.http1.answer import MARK, Answer, DiedUnanswered, ExchangeFailed, Header
from services.gateway.clients.http1.framing import framed

MOST_HEADERS = 250
MOST_SILENT = 100 * 1024
"""Bytes of heads, of 1xx answers, chunks' extensions and trailers, without a byte of the body between them."""

_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL, _LAST = 200, 599


class Owner(Protocol):
    """Who keeps connections: told when one may be used again, or never."""

    def free(self, connection: "Connection") -> None: ...

    def lost(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """`owner` is set once it is made; `has_answered` and `idle_since` (loop time) are for the owner to judge by."""

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self.is_closed = False
        self.has_answered = False
        self.idle_since = 0.0
        self._answer: Answer | None = None
        self._headers: list[Header] = []
        self._silent = 0
        self._is_head = False
        self._is_sent = True
        self._is_interim = False
        self._keeps_alive = False
        self._refusal = ""
        self._writable: asyncio.Future[None] | None = None
        self._is_full = False
        self._parser = httptools.HttpResponseParser(self)

    def is_quiet(self) -> bool:
        """Whether it may be used: not closed, and nothing came that was not asked for, such as its end."""
        return not self.is_closed and not self._poll.poll(0)

    async def ask(self, head: bytes, body: bytes | AsyncIterable[bytes] | None, *, is_head: bool) -> Answer:
        """Send a request and wait for its answer's head. Raises ExchangeFailed; what `body` raises goes through."""
        if self.is_closed:
            raise DiedUnanswered("closed before it was asked")
        answer = self._answer = Answer(self, self.loop)
        self._headers, self._silent, self._is_head = [], 0, is_head
        sender = None
        if body is None or isinstance(body, bytes):
            self._transport.write(head + body if body else head)
        else:
            self._is_sent = False
            sender = asyncio.create_task(self._send(head, body, answer))
        try:
            await answer.news()
        except BaseException:
            if self._answer is answer:  # else it ended, and another request may be under way
                self.close()
            raise
        finally:
            if sender is not None and not sender.done():
                sender.cancel()
                await asyncio.wait((sender,))
        answer.settle()
        return answer

    async def _send(self, head: bytes, body: AsyncIterable[bytes], answer: Answer) -> None:
        try:
            self._transport.write(head)
            async with aclosing(framed(head, body)) as pieces:
                async for piece in pieces:
                    if self.is_closed:
                        return
                    self._transport.write(piece)
                    if self._is_full:
                        await self._room()
            self._is_sent = True
        except Exception as error:  # noqa: BLE001
            if not answer.status:
                answer.fail(error)

    async def _room(self) -> None:
        self._writable = self.loop.create_future()
        await self._writable

    def close(self) -> None:
        """End the connection now; an answer that is under way is cut."""
        self._end(ExchangeFailed("closed"))

    def resume_reading(self) -> None:
        if not self.is_closed:
            self._transport.resume_reading()

    def _end(self, failure: ExchangeFailed) -> None:
        if self._answer is not None:
            self._answer.fail(failure)
            self._answer = None
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self.is_closed:
            return
        self.is_closed = True
        self._transport.abort()
        if self.owner is not None:
            self.owner.lost(self)

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.loop = asyncio.get_running_loop()
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.close()
            return
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            answer.tell()
            self._end(ExchangeFailed(self._refusal or str(error)))
            return
        answer.tell()
        if answer.is_complete:
            self._answered()
        elif self._silent > MOST_SILENT:
            self._end(ExchangeFailed("too much that is no body"))
        elif answer.size_waiting > MARK:
            self._transport.pause_reading()

    def _answered(self) -> None:
        self.has_answered = True
        if self._keeps_alive and self._is_sent and not self._is_full and not self._is_head:
            assert self.owner is not None, "it was made before it was asked"
            self.owner.free(self)
        else:
            self.close()

    def eof_received(self) -> None:
        answer = self._answer
        if answer is not None and answer.status and _ends_with_connection(answer.headers):
            answer.complete()
            answer.tell()
            self._answer = None
        self._lost()

    def connection_lost(self, _error: Exception | None) -> None:
        self._lost()

    def _lost(self) -> None:
        came = self._silent or (self._answer is not None and self._answer.status)
        self._end(ExchangeFailed("cut") if came else DiedUnanswered("closed unanswered"))

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # The parser's calls. What they raise ends the connection; an answer that is complete stands.

    def on_message_begin(self) -> None:
        if self._answer is None:
            raise self._refused("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if len(name) == 17 and name.lower() == b"transfer-encoding" and value.lower() != b"chunked":
            raise self._refused("a transfer coding that is not chunked")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        answer, headers = self._answer, self._headers
        self._headers = []
        if status < _FIRST_FINAL:
            self._skip(status)
            return
        if status > _LAST or answer is None:
            raise self._refused("no status of HTTP's")
        if len(headers) > MOST_HEADERS or (self._silent > MOST_SILENT and _size(headers) > MOST_SILENT):
            raise self._refused("too long a head")
        answer.begin(status, headers)
        if self._is_head:
            self._complete(answer)

    def _skip(self, status: int) -> None:
        if status == _SWITCHING_PROTOCOLS:
            raise self._refused("switched protocols unasked")
        if status < 100:
            raise self._refused("no status of HTTP's")
        self._is_interim = True

    def on_body(self, piece: bytes) -> None:
        if self._answer is None:
            raise self._refused("more than one answer")
        self._silent = 0
        self._answer.add(piece)

    def on_message_complete(self) -> None:
        if self._is_interim:
            self._is_interim = False
        elif self._answer is not None:
            self._complete(self._answer)

    def _complete(self, answer: Answer) -> None:
        self._keeps_alive = self._parser.should_keep_alive()
        answer.complete()
        self._answer = None

    def _refused(self, why: str) -> ExchangeFailed:
        self._refusal = why
        return ExchangeFailed(why)


def _ends_with_connection(headers: list[Header]) -> bool:
    return not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)


def _size(headers: list[Header]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
