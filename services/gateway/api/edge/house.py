"""What the connections of one process share: whose hosts these are, how many calls may be under way, who is too quiet.

Quiet connections are found by one sweep a second over all of them, not by a timer for each request. Seconds are the
event loop's.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.gateway.api.edge.tally import Tally
from services.gateway.api.front import our_hosts
from services.gateway.domain.one_meaning import judge_host, judge_request
from services.gateway.domain.request_head import RequestHead
from services.gateway.settings import Settings
from services.gateway.use_cases.paid_call.request import Header, PaidAnswer, PaidRequest
from shared.doors import protocol
from shared.errors import DomainError

MOST_HOSTS_REMEMBERED = 256
LONGEST_HOST_REMEMBERED = 255


class PaidCalls(Protocol):
    """The use case behind the edge."""

    async def call(self, request: PaidRequest) -> PaidAnswer: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long, how much and how many."""

    max_calls: int
    slow_seconds: float
    head_seconds: float = protocol.HEAD_SECONDS
    linger_seconds: float = 5.0
    sweep_seconds: float = 1.0
    most_gathered: int = 64 * 1024
    """Bytes of a body that are awaited before its call begins."""
    most_gathering: int = 500
    """Connections for which that is done at a time."""
    most_dropped: int = 256 * 1024
    """Bytes of a refused body that are read on, so that its caller may go on with the connection."""
    most_lingered: int = 16 * 1024 * 1024
    """Bytes that are read and dropped after a last answer: many callers read it only when they have sent all."""
    most_pipelined: int = 32
    most_held: int = 64 * 1024
    """Bytes of further requests that are kept unread while one is answered."""


class Edge:
    """One a process; `app.state.edge`."""

    def __init__(self, state: Any, settings: Settings, bounds: Bounds | None = None) -> None:
        """`state` is the application's: its `service.paid` answers the calls once the service is open."""
        self._state = state
        self.bounds = bounds or Bounds(settings.gateway_max_calls, settings.slow_caller_ms / 1_000)
        self.tally = Tally()
        self.connections: Collection[Any] = ()
        self.calls = 0
        self.gathering = 0
        self._ours = our_hosts(settings)
        self._loopback_is_ours = settings.environment != "production"
        self._known_hosts: set[bytes] = set()
        self._dated: object = None
        self._date_line = b""
        self._is_sweeping = False

    @property
    def paid(self) -> PaidCalls:
        paid: PaidCalls = self._state.service.paid
        return paid

    def judge(self, head: RequestHead) -> None:
        """DomainError where too many calls are under way, or the request has more than one meaning."""
        if self.calls >= self.bounds.max_calls:
            raise DomainError("overloaded", "Too many calls are under way; try again.", headers={"Retry-After": "1"})
        if head.is_judged:
            return
        judge_request(head.method, head.version, head.raw_path, head.query, head.headers, known=head.known)
        if head.known.get(b"host") not in self._known_hosts:
            self._judge_host(head.headers)
        head.is_judged = True

    def _judge_host(self, headers: Sequence[Header]) -> None:
        judge_host(headers, self._ours, loopback_is_ours=self._loopback_is_ours)
        host = next(value for name, value in headers if name == b"host")
        if len(self._known_hosts) < MOST_HOSTS_REMEMBERED and len(host) <= LONGEST_HOST_REMEMBERED:
            self._known_hosts.add(host)

    def date_line(self, default_headers: list[tuple[bytes, bytes]]) -> bytes:
        """uvicorn renews the list once a second; the line is made once for each."""
        if default_headers is not self._dated:
            self._dated = default_headers
            self._date_line = b"".join(b"%b: %b\r\n" % header for header in default_headers)
        return self._date_line

    def sweep(self, loop: asyncio.AbstractEventLoop, connections: Collection[Any]) -> None:
        """Have `connections` (the server's own set, which changes) looked at every second until there are none."""
        self.connections = connections
        if not self._is_sweeping:
            self._is_sweeping = True
            loop.call_later(self.bounds.sweep_seconds, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_sweeping = False
        now = loop.time()
        for one in list(self.connections):
            one.look(now)
        if self.connections:
            self.sweep(loop, self.connections)
