"""A call's exchange with its upstream: one deadline from first byte to last, shorter once the caller has left, and
standing still while the caller takes nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Sequence
from typing import TypeVar

from services.gateway.clients.upstream import NoRoom, UpstreamAnswer, UpstreamFailed, opening_of
from services.gateway.domain.forwarding import Way, first, way_to, without
from services.gateway.use_cases.paid_call.desk import Call, Desk, overloaded
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
        self._granted = 0.0
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
        request, route = self._call.request, self._call.route
        way = way_to(route.upstream_url, route.upstream_headers)
        opening = self._remembered(way) if accept_encoding is None else self._opening(way, accept_encoding)
        framing = b"" if body is None else _framing(request.headers, body)
        head = b"%bx-request-id: %b\r\n%b\r\n" % (opening, request.request_id.encode("ascii"), framing)
        self._check_time()
        self._answer = await self._within(
            self._desk.upstreams.send(request.head.method, route.upstream_url, head, body)
        )
        return self._answer

    def _remembered(self, way: Way) -> bytes:
        """What most requests open with was made for the last one with the same head."""
        head = self._call.request.head
        if head.opening is None or head.opening[0] is not way:
            head.opening = (way, self._opening(way))
        return head.opening[1]

    def _opening(self, way: Way, accept_encoding: bytes | None = None) -> bytes:
        head = self._call.request.head
        headers = way.headers(head.caller)
        if accept_encoding is not None:
            headers = [*without(headers, b"accept-encoding"), (b"accept-encoding", accept_encoding)]
        return opening_of(head.method, way.target(head.path.rest, head.query), headers)

    async def next_piece(self) -> bytes | None:
        """The next of the answer's body, None at its end. Raises UpstreamFailed, UpstreamTooSlow."""
        self._check_time()
        if self._body is None:
            self._body = self.answer.body()
        return await self._within(anext(self._body, None))

    def _check_time(self) -> None:
        """Pieces that are always there are never waited for: an upstream that floods is late like one that hangs."""
        if self._is_late:
            raise UpstreamTooSlow("past the deadline")

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
        """The deadline has passed: whoever waits, waits no more. What the caller kept us waiting is not the upstream's
        time, and is granted first."""
        if self._is_granted_more():
            self._desk.deadlines.watch(self)
            return
        self._is_late = True
        if self._waiting is not None and not self._is_cutting:
            self._is_cutting = True
            self._waiting.cancel()

    def _is_granted_more(self) -> bool:
        before, self._granted = self._granted, self._presence.kept_waiting(self._loop.time())
        self.deadline += self._granted - before
        return self._granted > before

    def _was_cut(self, task: asyncio.Task[object], cancelled_before: int) -> bool:
        """Whether it was we who cancelled the wait, and nobody else did too; asked again: no."""
        was_cutting, self._is_cutting = self._is_cutting, False
        return was_cutting and task.uncancel() <= cancelled_before

    def _shorten(self) -> None:
        self._granted = self._presence.kept_waiting(self._loop.time())
        self.deadline = min(self.deadline, self._loop.time() + self._desk.hang_up_read_ms / 1_000)


def _framing(headers: Sequence[Header], body: bytes | AsyncIterable[bytes]) -> bytes:
    """The line that says how the body that goes upstream is delimited."""
    if isinstance(body, bytes):
        return b"content-length: %d\r\n" % len(body)
    length = first(headers, b"content-length")
    return b"transfer-encoding: chunked\r\n" if length is None else b"content-length: %b\r\n" % length


def upstream_refusal(error: UpstreamFailed, undone: Result) -> DomainError:
    """502 or 504: not charged, and the answer says so. Where it was we who had no connection left, 503."""
    if isinstance(error, NoRoom):
        return overloaded()
    headers = {"X-Credits-Charged": "0", "X-Credits-Remaining": str(Credits(undone["available"]))}
    if isinstance(error, UpstreamTooSlow):
        return DomainError(
            "upstream_timeout", "The upstream did not answer in time; nothing is charged.", headers=headers
        )
    return DomainError("upstream_error", "The upstream gave no proper answer; nothing is charged.", headers=headers)
