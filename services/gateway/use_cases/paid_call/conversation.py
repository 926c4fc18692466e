"""A call's exchange with its upstream: one deadline from first byte to last, shorter once the caller has left."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Sequence
from typing import TypeVar

from services.gateway.clients.upstream import UpstreamAnswer, UpstreamFailed, opening_of
from services.gateway.domain.forwarding import Way, first, way_to, without
from services.gateway.use_cases.paid_call.desk import Call, Desk
from services.gateway.use_cases.paid_call.request import Header
from shared.contracts.ledger import Result
from shared.errors import DomainError
from shared.money import Credits

T = TypeVar("T")


class UpstreamTooSlow(UpstreamFailed):
    """The route's timeout passed, or the caller left and the upstream was read on for long enough."""


class Conversation:
    """One a call. `close` it whatever happens."""

    def __init__(self, desk: Desk, call: Call) -> None:
        self._desk = desk
        self._call = call
        self._presence = call.request.presence
        self._loop = desk.deadlines.loop
        self.deadline = self._loop.time() + call.route.timeout_ms / 1_000
        desk.deadlines.watch(self)
        self._waiting: asyncio.Task[object] | None = None
        self._is_late = False
        self._is_cutting = False
        self._answer: UpstreamAnswer | None = None
        self._body: AsyncGenerator[bytes] | None = None
        self._presence.when_leaving(self._shorten)
        if self._presence.has_left:
            self._shorten()

    @property
    def answer(self) -> UpstreamAnswer:
        assert self._answer is not None, "the answer's head has come"
        return self._answer

    async def open(
        self, body: bytes | AsyncIterable[bytes] | None, *, accept_encoding: bytes | None = None
    ) -> UpstreamAnswer:
        """Send the request and wait for the answer's head. Raises UpstreamFailed, UpstreamTooSlow."""
        route = self._call.route
        way = way_to(route.upstream_url, route.upstream_headers)
        if accept_encoding is None and (body is None or isinstance(body, bytes)):
            method = self._call.request.head.method
            sending = self._desk.upstreams.send(method, route.upstream_url, self._head(way, body), body)
        else:
            sending = self._open_anew(way, body, accept_encoding)
        self._answer = await self._within(sending)
        return self._answer

    def _head(self, way: Way, body: bytes | None) -> bytes:
        """What most requests open with was made for the last one with the same head."""
        request = self._call.request
        head = request.head
        if head.opening is None or head.opening[0] is not way:
            target = way.target(head.path.rest, head.query)
            head.opening = (way, opening_of(head.method, target, way.headers(head.caller)))
        own = (head.opening[1], request.request_id.encode("ascii"))
        if body is None:
            return b"%bx-request-id: %b\r\n\r\n" % own
        return b"%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n" % (*own, len(body))

    async def _open_anew(
        self, way: Way, body: bytes | AsyncIterable[bytes] | None, accept_encoding: bytes | None
    ) -> UpstreamAnswer:
        request = self._call.request
        headers = [*way.headers(request.head.caller), (b"x-request-id", request.request_id.encode("ascii"))]
        if accept_encoding is not None:
            headers = [*without(headers, b"accept-encoding"), (b"accept-encoding", accept_encoding)]
        if body is not None:
            headers.append(_framing(request.headers, body))
        target = way.target(request.head.path.rest, request.head.query)
        return await self._desk.upstreams.open(
            request.head.method, self._call.route.upstream_url, target, headers, body
        )

    async def next_piece(self) -> bytes | None:
        """The next of the answer's body, None at its end. Raises UpstreamFailed, UpstreamTooSlow."""
        if self._body is None:
            self._body = self.answer.body()
        return await self._within(anext(self._body, None))

    async def close(self) -> None:
        """End the exchange; a connection whose answer was not read to its end is closed. Safe to call twice."""
        self._presence.when_leaving(None)
        self._desk.deadlines.forget(self)
        if self._body is not None:
            await self._body.aclose()
        if self._answer is not None:
            await self._answer.close()

    async def _within(self, waiting: Awaitable[T]) -> T:
        """As `asyncio.timeout_at`, without a timer of its own."""
        task = asyncio.current_task(self._loop)
        assert task is not None
        cancelled_before = task.cancelling()
        self._waiting = task
        if self._is_late:
            self._loop.call_soon(self.expire)
        try:
            return await waiting
        except asyncio.CancelledError as error:
            if self._was_cut(task, cancelled_before):
                raise UpstreamTooSlow("past the deadline") from error
            raise
        finally:
            self._waiting = None
            self._was_cut(task, cancelled_before)

    def expire(self) -> None:
        """The deadline has passed: whoever waits, waits no more."""
        self._is_late = True
        if self._waiting is not None and not self._is_cutting:
            self._is_cutting = True
            self._waiting.cancel()

    def _was_cut(self, task: asyncio.Task[object], cancelled_before: int) -> bool:
        """Whether it was we who cancelled the wait, and nobody else did too; asked again: no."""
        was_cutting, self._is_cutting = self._is_cutting, False
        return was_cutting and task.uncancel() <= cancelled_before

    def _shorten(self) -> None:
        self.deadline = min(self.deadline, self._loop.time() + self._desk.hang_up_read_ms / 1_000)


def _framing(headers: Sequence[Header], body: bytes | AsyncIterable[bytes]) -> Header:
    """How the body that goes upstream is delimited."""
    if isinstance(body, bytes):
        return (b"content-length", b"%d" % len(body))
    length = first(headers, b"content-length")
    return (b"content-length", length) if length is not None else (b"transfer-encoding", b"chunked")


def upstream_refusal(error: UpstreamFailed, undone: Result) -> DomainError:
    """502 or 504: not charged, and the answer says so."""
    headers = {"X-Credits-Charged": "0", "X-Credits-Remaining": str(Credits(undone["available"]))}
    if isinstance(error, UpstreamTooSlow):
        return DomainError(
            "upstream_timeout", "The upstream did not answer in time; nothing is charged.", headers=headers
        )
    return DomainError("upstream_error", "The upstream gave no proper answer; nothing is charged.", headers=headers)
