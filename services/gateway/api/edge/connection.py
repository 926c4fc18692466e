"""One connection of a caller: heads bounded in bytes and in time, paid requests to exchanges, others to uvicorn.

Requests are answered in the order in which they came. What comes while one is answered waits, some of it unread; a
connection that is quiet for too long, or sends what can't be parsed, ends. `cycle` is the newest request of either
kind, and `_active` the one whose turn it is.
"""

import asyncio
import math
import socket
import struct
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from services.gateway.api.edge.exchange import Exchange
from services.gateway.api.edge.house import Edge, PaidCalls
from services.gateway.domain.request_head import RequestHead
from services.gateway.use_cases.paid_call.request import request_timeout
from shared.doors import protocol
from shared.doors.protocol import ProblemProtocol
from shared.errors import DomainError

_PAID = b"/proxy/"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class _ReadNoFurther(Exception):
    """What stands in this read after here is not looked at."""


class EdgeProtocol(ProblemProtocol):
    """uvicorn's protocol with the paid path taken out before ASGI."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.edge: Edge = cast(Any, config.app).state.edge
        self.paid: PaidCalls = self.edge.paid
        self.peer: str | None = None
        self.last_head: RequestHead | None = None
        self._active: Exchange | RequestResponseCycle | None = None
        self._pending: Exchange | None = None
        self._gathering: Exchange | None = None
        self._held = b""
        self._dropped = 0
        self._is_lingering = False
        self._is_deaf = False
        self._is_proceeding = False
        self._until = math.inf

    # The transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        HttpToolsProtocol.connection_made(self, transport)
        self.peer = self.client[0] if self.client else None
        self._until = self.loop.time() + self.edge.bounds.head_seconds
        self.edge.sweep(self.loop, self.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        self._is_deaf = True
        self.pipeline.clear()
        self._held = b""
        self._end_gathering()
        self.flow.resume_writing()
        active = self._active
        if isinstance(active, Exchange):
            if not active.response_complete:
                active.leave()
        elif active is not None:
            active.disconnected = active.disconnected or not active.response_complete
            active.message_event.set()
        self.parser = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        if self._is_deaf:
            self._drop(len(data))
        elif cycle is None or cycle.response_complete or cycle.more_body:
            self._feed(data)
        else:
            self._held += data
            if len(self._held) > self.edge.bounds.most_held:
                self.flow.pause_reading()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._is_deaf = True  # what follows may be in another protocol; the answer says that the connection ends
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            if not self._is_deaf:
                self._is_deaf = True
                self._cannot_go_on()
            return
        if self._reads_head:
            self._bound_head(len(data))
        elif self._pending is not None:
            exchange, self._pending = self._pending, None
            self._await_body(exchange)
        elif self._gathering is not None:
            self._until = self.loop.time() + self.edge.bounds.slow_seconds

    # The parser's callbacks

    def on_message_begin(self) -> None:
        if self._is_deaf:
            raise _ReadNoFurther
        if len(self.pipeline) >= self.edge.bounds.most_pipelined:
            self._is_deaf = True
            self.cycle.keep_alive = False
            raise _ReadNoFurther
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._reads_head = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reads_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._reads_head = False
        self._until = math.inf
        if not self.url.startswith(b"/"):
            self._take_host_of_target()
        parser = self.parser
        method, version = parser.get_method().decode("ascii"), parser.get_http_version()
        head = self.last_head
        if head is None or not head.is_again(method, version, self.url, self.headers):
            target = httptools.parse_url(self.url)
            if not target.path.startswith(_PAID):
                self._hand_to_uvicorn()
                return
            assert target.path.isascii()
            head = RequestHead(
                method, version, self.url, raw_path=target.path, query=target.query or b"", headers=self.headers
            )
        self._take_paid(head)

    def _take_paid(self, head: RequestHead) -> None:
        parser = self.parser
        exchange = Exchange(self, head)
        upgrades = parser.should_upgrade()
        exchange.keep_alive = head.version != "1.0" and parser.should_keep_alive() and not upgrades
        if head.length_at >= 0:
            exchange.length = int(self.headers[head.length_at][1])
        if upgrades and head.caller.has_body and exchange.length != 0:
            exchange.refusal = _unreadable_body()
        if b"expect" in head.known:
            exchange.expects_100 = head.version != "1.0" and head.known[b"expect"].lower() == b"100-continue"
        previous, self.cycle = self.cycle, cast(Any, exchange)
        if previous is None or previous.response_complete:
            self._active = self._pending = exchange
        else:
            self.pipeline.appendleft((cast(Any, exchange), self.app))

    def _hand_to_uvicorn(self) -> None:
        url, headers = self.url, self.headers
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.headers, self.scope["headers"] = url, headers, headers
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        previous = self.cycle
        HttpToolsProtocol.on_headers_complete(self)
        if previous is None or previous.response_complete:
            self._active = self.cycle

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if not isinstance(cycle, Exchange):
            HttpToolsProtocol.on_body(self, body)
        elif not cycle.response_complete:
            cycle.put(body)

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if not isinstance(cycle, Exchange):
            HttpToolsProtocol.on_message_complete(self)
            return
        if cycle.refusal is None:
            cycle.end_body()
        if cycle is self._pending or cycle is self._gathering:
            self._pending = None
            self._end_gathering()
            cycle.begin()
        elif cycle.response_complete:
            self._until = self.loop.time() + self.timeout_keep_alive

    # Order

    def _await_body(self, exchange: Exchange) -> None:
        """A short body is awaited whole, as long as few are; any other call begins and reads it as it comes."""
        bounds = self.edge.bounds
        exchange.open_intake()
        is_short = exchange.length is not None and exchange.length <= bounds.most_gathered
        if is_short and not exchange.expects_100 and self.edge.gathering < bounds.most_gathering:
            self.edge.gathering += 1
            self._gathering = exchange
            self._until = self.loop.time() + bounds.slow_seconds
        else:
            exchange.begin()

    def _end_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering = None
            self.edge.gathering -= 1
            self._until = math.inf

    def ended(self, exchange: Exchange) -> None:
        """An exchange is over: end the connection if it says so, or go on with what waits."""
        if not exchange.keep_alive and not self.transport.is_closing():
            self._finish(more_comes=exchange.more_body or bool(self._held or self.pipeline or self._dropped))
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Of either kind: uvicorn's cycles call it too."""
        self.server_state.total_requests += 1
        if self._is_lingering:
            return
        self._until = self.loop.time() + self._patience()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if not self._is_proceeding:
            self._proceed()

    def _patience(self) -> float:
        """How many seconds may pass until something comes, after an answer."""
        if self.transport.is_closing() or self.cycle.more_body:
            return self.edge.bounds.slow_seconds
        return self.edge.bounds.head_seconds if self._reads_head else self.timeout_keep_alive

    def _proceed(self) -> None:
        """The next request that waits; after the last of them, the bytes that do."""
        self._is_proceeding = True
        while self.pipeline and self._is_free():
            self._take_turn(*self.pipeline.pop())
        if self._held and self._is_free():
            data, self._held = self._held, b""
            self._feed(data)
        self._is_proceeding = False

    def _is_free(self) -> bool:
        return not self._is_lingering and (self._active is None or self._active.response_complete)

    def _take_turn(self, cycle: Any, app: Any) -> None:
        self._active = cycle
        self._until = math.inf
        if not isinstance(cycle, Exchange):
            self._start_asgi_task(cycle, app)
        elif cycle.more_body and cycle.refusal is None:
            self._await_body(cycle)
        else:
            cycle.begin()

    # Ends

    def _bound_head(self, received: int) -> None:
        self._head_bytes += received
        if self._head_bytes > protocol.LARGEST_HEAD:
            self._is_deaf = True
            self._cannot_go_on()
        elif self._head_bytes == received and self._is_free():
            self._until = self.loop.time() + self.edge.bounds.head_seconds

    def _cannot_go_on(self) -> None:
        """Nothing more can be read. What came whole is answered; what did not is refused, in its turn."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            self.send_400_response("")
        elif not cycle.more_body:
            cycle.keep_alive = False
        elif isinstance(cycle, Exchange):
            self._spoil(cycle, _malformed())
        elif cycle.response_started:
            self.transport.close()
        else:
            self.send_400_response("")

    def _spoil(self, exchange: Exchange, fault: DomainError) -> None:
        exchange.keep_alive = False
        exchange.refusal = fault
        exchange.open_intake().spoil(fault)
        if exchange is self._active and not exchange.has_begun:
            self._pending = None
            self._end_gathering()
            exchange.begin()

    def send_400_response(self, msg: str) -> None:
        del msg
        self.transport.write(protocol.malformed_request())
        self._finish(more_comes=True)

    def _finish(self, more_comes: bool) -> None:
        """Close; where the caller may still be sending, only this side at first, or our last answer would be lost to
        the reset that unread bytes cause."""
        self._is_deaf = True
        self._held = b""
        self.pipeline.clear()
        if not more_comes:
            self.transport.close()
            return
        self._is_lingering = True
        self._until = self.loop.time() + self.edge.bounds.linger_seconds
        self.transport.write_eof()
        self.flow.resume_reading()

    def _drop(self, received: int) -> None:
        self._dropped += received
        if not self._is_lingering:
            if self._dropped > self.edge.bounds.most_held:
                self.flow.pause_reading()
        elif self._dropped > self.edge.bounds.most_lingered:
            self.transport.close()

    def reset(self) -> None:
        """End the connection so that its other side can't take it for a clean end."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def look(self, now: float) -> None:
        """The sweep came by."""
        if self._until == math.inf and self.transport.is_closing():
            self._until = now + self.edge.bounds.slow_seconds
        if now < self._until:
            return
        if self.transport.is_closing():
            self.transport.abort()
        elif self._gathering is not None:
            self._spoil(self._gathering, request_timeout())
        else:
            self.transport.close()
            self._until = now + self.edge.bounds.slow_seconds

    def shutdown(self) -> None:
        """The server stops: what is being answered is the last."""
        active = self._active
        if active is None or active.response_complete:
            self.transport.close()
        else:
            active.keep_alive = False

    def date_line(self) -> bytes:
        return self.edge.date_line(self.server_state.default_headers)


def _unreadable_body() -> DomainError:
    """The parser takes what follows a wish for another protocol for that protocol's bytes, a body too."""
    return DomainError(
        "ambiguous_headers", "A request with a body can't ask for an upgrade.", headers={"Connection": "close"}
    )


def _malformed() -> DomainError:
    return DomainError("malformed_request", "This is no HTTP request.", headers={"Connection": "close"})
