"""One paid request and its answer, between the connection that carries them and the use case.

It begins when its turn on the connection has come, and ends once: counted, the connection told. `more_body`,
`response_complete` and `keep_alive` are what uvicorn asks a cycle of its own, so that both kinds share a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from services.gateway.api.edge.heads import (
    CHUNKED,
    CLOSE,
    LAST_CHUNK,
    chunk,
    claimed_length,
    header_lines,
    length_line,
    status_line,
)
from services.gateway.api.edge.intake import Intake
from services.gateway.domain.forwarding import may_have_body
from services.gateway.domain.request_head import RequestHead
from services.gateway.use_cases.paid_call.request import (
    AnswerCut,
    CallerLeft,
    Header,
    PaidAnswer,
    PaidRequest,
    Presence,
)
from shared import problems
from shared.doors.answers import encode
from shared.doors.application import CALLER_LEFT, new_request_id, unexpected
from shared.errors import DomainError
from shared.telemetry import REQUEST_ID

if TYPE_CHECKING:
    from services.gateway.api.edge.connection import EdgeProtocol

_LARGEST_JOINED = 64 * 1024
_LARGEST_REMEMBERED = 4 * 1024
"""Bytes of a head that an idle connection may keep."""


class Exchange:
    """One a request. What most of them never change stands in the class."""

    keep_alive = True
    body = b""
    intake: Intake | None = None
    length: int | None = None
    expects_100 = False
    refusal: DomainError | None = None
    has_begun = False
    more_body = True
    response_complete = False
    _status = 0
    _chunked = False
    _left: int | None = None
    _task: asyncio.Task[None] | None = None

    def __init__(self, connection: EdgeProtocol, head: RequestHead) -> None:
        """The head that `connection` has just read, or one like it but for its length."""
        self._connection = connection
        self._edge = connection.edge
        self._transport = connection.transport
        self._flow = connection.flow
        self.head = head
        self.headers = connection.headers
        self.request_id = new_request_id()
        self.presence = Presence()
        self._begun_ns = time.perf_counter_ns()

    # What the connection tells

    def begin(self) -> None:
        """Its turn has come. A refusal by the head is answered at once, without a task."""
        self.has_begun = True
        try:
            if self.refusal is not None:
                raise self.refusal
            self._edge.judge(self.head)
            if self._connection.last_head is not self.head and self.head.size <= _LARGEST_REMEMBERED:
                self._connection.last_head = self.head
        except DomainError as refusal:
            self._refuse(refusal)
            self._end()
            return
        self._edge.calls += 1
        self._task = self._connection.loop.create_task(self._run())
        self._connection.tasks.add(self._task)

    def put(self, piece: bytes) -> None:
        """A piece of the body came. Most bodies come in one, and need no intake."""
        self.expects_100 = False
        if self.intake is None and not self.body:
            self.body = piece
        else:
            self.open_intake().put(piece)

    def open_intake(self) -> Intake:
        """From here on the body's pieces are kept in it."""
        if self.intake is None:
            self.intake = Intake(self, self._connection, self._edge.bounds.slow_seconds)
            if self.body:
                self.intake.put(self.body)
                self.body = b""
        return self.intake

    def end_body(self) -> None:
        """The body has come whole."""
        self.more_body = False
        if self.intake is not None:
            self.intake.end()

    def leave(self) -> None:
        """The caller is gone."""
        self.presence.leave()
        if self.intake is not None and not self.intake.is_whole:
            self.intake.spoil(CallerLeft())
        if not self.has_begun:
            self._end()

    # The call

    async def _run(self) -> None:
        try:
            REQUEST_ID.set(self.request_id)
            await self._answer(await self._connection.paid.call(self._request()))
        except DomainError as refusal:
            self._refuse(refusal)
        except CallerLeft:
            self.keep_alive = False
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told that it is ours
            self._refuse(unexpected(error))
        except BaseException:
            self._transport.abort()
            raise
        finally:
            self._edge.calls -= 1
            if self._task is not None:
                self._connection.tasks.discard(self._task)
            self._end()

    def _request(self) -> PaidRequest:
        if self.intake is None:
            body: bytes | AsyncIterator[bytes] = self.body
        else:
            body = self.intake.whole() if self.intake.is_whole else self.intake.pieces()
        return PaidRequest(
            self.request_id,
            self.head,
            self.headers,
            self._connection.peer,
            body,
            self.presence,
        )

    async def _answer(self, answer: PaidAnswer) -> None:
        if isinstance(answer.body, bytes):
            self._send_whole(answer.status, answer.headers, answer.body)
            if self._flow.write_paused:
                await self._drained()
            return
        async with contextlib.aclosing(answer.body) as pieces:
            self._send_head(answer.status, answer.headers)
            try:
                async for piece in pieces:
                    await self._send_piece(piece)
                self._send_end()
            except AnswerCut:
                self._cut()

    # The answer's bytes. Who has left is sent nothing, but the answer is read on to its end.

    def _send_whole(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """An answer that is complete: one write, unless copying it together would cost more."""
        lines = header_lines(headers)
        if may_have_body(self.head.method, status):
            framing = b"content-length: %d\r\n" % len(body)
        else:
            framing, body = length_line(status, claimed_length(headers)), b""
        head = self._head(status, lines, framing)
        if self.presence.has_left:
            return
        if len(body) > _LARGEST_JOINED:
            self._transport.write(head)
            self._transport.write(body)
        else:
            self._transport.write(head + body)

    def _send_head(self, status: int, headers: Sequence[Header]) -> None:
        """Of an answer whose end is not known yet: it has the length that it claims, or is chunked, or (HTTP/1.0)
        ends with the connection."""
        lines, length = header_lines(headers), claimed_length(headers)
        framing = length_line(status, length)
        if not may_have_body(self.head.method, status):
            pass
        elif length is not None:
            self._left = int(length)
        elif self.head.version == "1.0":
            self.keep_alive = False
        else:
            self._chunked, framing = True, CHUNKED
        head = self._head(status, lines, framing)
        if not self.presence.has_left:
            self._transport.write(head)

    def _head(self, status: int, lines: bytes, framing: bytes) -> bytes:
        if self.more_body and not self._will_drop_rest():
            self.keep_alive = False
        if not self.presence.has_left:
            self._status = status
        return b"".join((
            status_line(status),
            self._connection.date_line(),
            b"x-request-id: %b\r\n" % self.request_id.encode(),
            lines,
            framing,
            b"\r\n" if self.keep_alive else CLOSE + b"\r\n",
        ))  # fmt: skip

    def _will_drop_rest(self) -> bool:
        """Whether a body that nobody asked for is short enough to be read on and dropped."""
        has_fault = self.intake is not None and self.intake.fault is not None
        is_short = self.length is not None and self.length <= self._edge.bounds.most_dropped
        return is_short and not has_fault and not self.expects_100

    async def _send_piece(self, piece: bytes) -> None:
        if not piece or self.presence.has_left:
            return
        if self._chunked:
            self._transport.write(chunk(piece))
        elif self._left is not None:
            self._left -= len(piece)
            assert self._left >= 0, "an answer is as long as it says"
            self._transport.write(piece)
        elif self._ends_with_connection:
            self._transport.write(piece)
        if self._flow.write_paused:
            await self._drained()

    @property
    def _ends_with_connection(self) -> bool:
        return not self._chunked and self._left is None and may_have_body(self.head.method, self._status)

    def _send_end(self) -> None:
        if self.presence.has_left:
            return
        assert not self._left, "an answer is as long as it says"
        if self._chunked:
            self._transport.write(LAST_CHUNK)

    async def _drained(self) -> None:
        """Wait while the caller takes what was written; one who takes nothing for too long has left."""
        loop = self._connection.loop
        self.presence.blocks(loop.time())
        try:
            await self._taken()
        finally:
            self.presence.takes_on(loop.time())

    async def _taken(self) -> None:
        left = self._transport.get_write_buffer_size()
        while self._flow.write_paused and not self.presence.has_left:
            try:
                async with asyncio.timeout(self._edge.bounds.slow_seconds):
                    await self._flow.drain()
            except TimeoutError:
                before, left = left, self._transport.get_write_buffer_size()
                if left >= before:
                    self.presence.leave()
                    self._transport.abort()

    def _cut(self) -> None:
        """End what was begun so that nobody takes it for whole."""
        if self._ends_with_connection:
            self._connection.reset()
        else:
            self._transport.close()

    # Refusals and the end

    def _refuse(self, refusal: DomainError) -> None:
        status = problems.status_of(refusal)
        self._edge.tally.refused(self.request_id, refusal.code, status)
        if self._status:
            self._cut()
            return
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
        if (b"connection", b"close") in headers:
            self.keep_alive = False
        body = self._problem(refusal, status)
        headers += [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
        self._send_whole(status, headers, body)

    def _problem(self, refusal: DomainError, status: int) -> bytes:
        instance = self.head.raw_path.decode("ascii", "replace")
        document = problems.document(
            refusal.code, refusal.detail, request_id=self.request_id, instance=instance, extra=refusal.extra
        )
        document["status"] = status
        return encode(document)

    def _end(self) -> None:
        if self.response_complete:
            return
        self.response_complete = True
        self._edge.tally.count(self.head.method, self._status or CALLER_LEFT, time.perf_counter_ns() - self._begun_ns)
        self._connection.ended(self)
