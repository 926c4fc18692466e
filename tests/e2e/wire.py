"""A caller's own connection, told apart to the byte: an answer is complete or it is none.

Light enough for hundreds of callers in one test process. A caller may hang up, or read as slowly as he likes.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httptools

NOBODY_WAITS_LONGER = 60.0
_READ = 64 * 1024
_CROSSES_WITHIN = 5.0


class Lost(Exception):
    """No complete answer came. `request_id` is set where its head did."""

    def __init__(self, why: str, *, status: int, request_id: str | None, received: int) -> None:
        super().__init__(f"{why}, {status} {request_id}, after {received} bytes")
        self.status = status
        self.request_id = request_id
        self.received = received


class Unreached(Lost):
    """There was no connection to be had: nothing was sent."""


class Left(Exception):
    """The caller hung up, as was asked."""


@dataclass
class Reply:
    """A complete answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]

    @property
    def code(self) -> str:
        """A problem's code; else nothing."""
        is_problem = self.headers.get("content-type", "").startswith("application/problem+json")
        return str(self.json()["code"]) if is_problem else ""

    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)


class Line:
    """One connection, opened when it is needed and again after it broke."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        leave_after: float | None = None,
    ) -> Reply:
        """Raises Lost; Left where the answer takes longer than `leave_after`. An endless wait is a TimeoutError."""
        incoming = _Incoming()
        try:
            async with asyncio.timeout(leave_after or NOBODY_WAITS_LONGER):
                await self._exchange(_request(method, path, self._host, headers, body), incoming)
        except TimeoutError:
            if leave_after is None:
                raise
            if not await self._crosses_hanging_up(incoming):
                raise Left from None
        except (OSError, httptools.HttpParserError) as error:
            raise incoming.lost(repr(error)) from error
        finally:
            if not incoming.keeps_alive:
                self.close()
        return incoming.reply

    async def _exchange(self, request: bytes, incoming: "_Incoming") -> None:
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                raise Unreached(repr(error), status=0, request_id=None, received=0) from error
        self._streams[1].write(request)
        await self._take(self._streams[0], incoming)

    async def _crosses_hanging_up(self, incoming: "_Incoming") -> bool:
        """Hang up, and take what was on its way by then: a busy machine wakes the caller late, and an answer that was
        told before it could be known that nobody listens was told."""
        if self._streams is None:
            return False
        reader, writer = self._streams
        with suppress(Lost, OSError, httptools.HttpParserError):
            async with asyncio.timeout(_CROSSES_WITHIN):
                writer.write_eof()
                await self._take(reader, incoming)
        self.close()
        return incoming.is_complete

    async def _take(self, reader: asyncio.StreamReader, incoming: "_Incoming") -> None:
        while not incoming.is_complete:
            piece = await reader.read(_READ)
            if not piece:
                raise incoming.lost("cut")
            incoming.feed(piece)

    async def ask_unread(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, seconds: float
    ) -> None:
        """Ask, take next to nothing of the answer for so long, and hang up."""
        _, writer = await asyncio.open_connection(self._host, self._port, limit=1_024)
        writer.write(_request(method, path, self._host, headers, body))
        await asyncio.sleep(seconds)
        writer.transport.abort()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


class _Incoming:
    """The parser's side of one answer."""

    def __init__(self) -> None:
        self.reply = Reply()
        self.is_complete = False
        self.keeps_alive = False
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, piece: bytes) -> None:
        self._parser.feed_data(piece)

    def lost(self, why: str) -> Lost:
        received = sum(map(len, self._pieces))
        return Lost(why, status=self.reply.status, request_id=self.reply.headers.get("x-request-id"), received=received)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.reply.status = self._parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.reply.body = b"".join(self._pieces)
        self.is_complete, self.keeps_alive = True, self._parser.should_keep_alive()


def _request(method: str, path: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method in ("POST", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
