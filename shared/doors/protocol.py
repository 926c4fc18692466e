"""HTTP/1.1 that can't be parsed is refused as a problem document too, and the connection ends: what follows it on the
wire may be anything. A head has an end, in bytes and in time, and nothing that comes after it belongs to it."""

import asyncio
from datetime import UTC, datetime

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared import problems
from shared.doors.answers import encode
from shared.ids import new_id

LARGEST_HEAD = 512 * 1024
"""Bytes after which a head that does not end is given up; applications refuse a smaller one in words."""

HEAD_SECONDS = 30.0


class ProblemProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with our words for its 400."""

    _reads_head = True
    _head_bytes = 0
    _head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._give_head_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._reads_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head does not end.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reads_head, self._head_bytes = True, 0
        self._forget_deadline()
        self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._give_head_up)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A trailer is dropped: the application is told of a request's head only, and trusts what stands there."""
        if self._reads_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._reads_head = False
        self._forget_deadline()
        self._take_host_of_target()
        super().on_headers_complete()

    def _take_host_of_target(self) -> None:
        """The host of an absolute target stands, whatever Host says (RFC 9112, section 3.2.2)."""
        if self.url.startswith(b"/"):
            return
        target = httptools.parse_url(self.url)
        if target.host is not None:
            host = target.host + (b":%d" % target.port if target.port else b"")
            self.headers[:] = [(b"host", host), *(header for header in self.headers if header[0] != b"host")]

    def _give_head_up(self) -> None:
        """Close, unless it is a pipelined request's head and the one before it is still being answered."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_deadline = self.loop.call_later(HEAD_SECONDS, self._give_head_up)
        else:
            self.transport.close()

    def _forget_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def send_400_response(self, msg: str) -> None:
        self.transport.write(malformed_request())
        self.transport.close()


def malformed_request() -> bytes:
    """The whole answer, bytes as they go out."""
    request_id = new_id("req", at=datetime.now(UTC))
    body = encode(
        problems.document("malformed_request", "This is no HTTP request.", request_id=request_id, instance="")
    )
    head = (
        "HTTP/1.1 400 Bad Request\r\n"
        "content-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
