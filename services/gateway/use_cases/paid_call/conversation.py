"""A call's exchange with its upstream: one deadline from first byte to last, shorter once the caller has left."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Sequence
from typing import TypeVar

from services.gateway.clients.upstream import UpstreamAnswer, UpstreamFailed
from services.gateway.domain.forwarding import every, first, request_headers, upstream_target, without
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
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + call.route.timeout_ms / 1_000
        self._wait: asyncio.Timeout | None = None
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
        headers = request_headers(
            request.headers,
            upstream_url=route.upstream_url,
            own=route.upstream_headers,
            request_id=request.request_id,
        )
        if accept_encoding is not None:
            headers = [*without(headers, b"accept-encoding"), (b"accept-encoding", accept_encoding)]
        target = upstream_target(route.upstream_url, self._call.path.rest, request.query)
        sent = [*headers, *_framing(request.headers, body)]
        self._answer = await self._within(
            self._desk.upstreams.open(request.method, route.upstream_url, target, sent, body)
        )
        return self._answer

    async def next_piece(self) -> bytes | None:
        """The next of the answer's body, None at its end. Raises UpstreamFailed, UpstreamTooSlow."""
        if self._body is None:
            self._body = self.answer.body()
        return await self._within(anext(self._body, None))

    async def close(self) -> None:
        """End the exchange; a connection whose answer was not read to its end is closed. Safe to call twice."""
        self._presence.when_leaving(None)
        if self._body is not None:
            await self._body.aclose()
        if self._answer is not None:
            await self._answer.close()

    async def _within(self, waiting: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(self._deadline) as self._wait:
                return await waiting
        except TimeoutError as error:
            raise UpstreamTooSlow("past the deadline") from error
        finally:
            self._wait = None

    def _shorten(self) -> None:
        self._deadline = min(self._deadline, self._loop.time() + self._desk.hang_up_read_ms / 1_000)
        if self._wait is not None:
            self._wait.reschedule(self._deadline)


def _framing(headers: Sequence[Header], body: bytes | AsyncIterable[bytes] | None) -> list[Header]:
    """How the body that goes upstream is delimited."""
    if body is None:
        return []
    if isinstance(body, bytes):
        return [(b"content-length", b"%d" % len(body))]
    length = first(headers, b"content-length")
    return [(b"content-length", length)] if length is not None else [(b"transfer-encoding", b"chunked")]


def has_body(headers: Sequence[Header]) -> bool:
    """Whether a request bears one, be it empty."""
    return bool(every(headers, b"content-length") or every(headers, b"transfer-encoding"))


def upstream_refusal(error: UpstreamFailed, undone: Result) -> DomainError:
    """502 or 504: not charged, and the answer says so."""
    headers = {"X-Credits-Charged": "0", "X-Credits-Remaining": str(Credits(undone["available"]))}
    if isinstance(error, UpstreamTooSlow):
        return DomainError(
            "upstream_timeout", "The upstream did not answer in time; nothing is charged.", headers=headers
        )
    return DomainError("upstream_error", "The upstream gave no proper answer; nothing is charged.", headers=headers)
