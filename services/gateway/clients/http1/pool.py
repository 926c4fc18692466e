"""Connections kept and bounded: so many to an origin, so many in all. Who finds none free waits his turn, for 5 s.

Origins are those of the operators' routes, so what is kept of each is never dropped.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, Callable, Sequence

from services.gateway.clients.http1.answer import Answer, DiedUnanswered, Header, NoRoom, NotConnected
from services.gateway.clients.http1.connection import Connection
from services.gateway.clients.http1.dialing import Addresses, Origin, as_named, dial
from services.gateway.clients.http1.framing import request_head

KEPT_SECONDS = 15.0
WAIT_SECONDS = 5.0
_SWEEP_SECONDS = 5.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_Turn = asyncio.Future[Connection | None]
"""A connection, or None: the right to make one, which is counted already."""


class _Lane:
    """One origin's connections, those being made counted too. `kept` are idle, the last used last."""

    __slots__ = ("kept", "origin", "pool", "size", "waiting")

    def __init__(self, pool: "Pool", origin: Origin) -> None:
        self.pool = pool
        self.origin = origin
        self.size = 0
        self.kept: dict[Connection, None] = {}
        self.waiting: dict[_Turn, None] = {}

    def free(self, connection: Connection) -> None:
        self.pool.free(self, connection)

    def lost(self, connection: Connection) -> None:
        self.pool.lost(self, connection)


class Pool:
    """One event loop's. `close` it at the end."""

    def __init__(
        self,
        *,
        most_connections: int,
        most_per_origin: int,
        most_waiting: int,
        addresses: Addresses = as_named,
    ) -> None:
        self._most = most_connections
        self._most_per_origin = most_per_origin
        self._most_waiting = most_waiting
        self._addresses = addresses
        self._tls: ssl.SSLContext | None = None
        self._lanes: dict[Origin, _Lane] = {}
        self._made: set[Connection] = set()
        self._size = 0
        self._waiting = 0
        self._sweeper: asyncio.TimerHandle | None = None

    async def open(
        self,
        origin: Origin,
        method: str,
        target: bytes,
        headers: Sequence[Header],
        body: bytes | AsyncIterable[bytes] | None,
        *,
        leaving: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request and wait for its answer's head. Raises ExchangeFailed; what `body` raises goes through.
        `leaving` is called once there is a connection: until then nobody can have received anything of it."""
        return await self.send(origin, method, request_head(method, target, headers), body, leaving)

    async def send(
        self,
        origin: Origin,
        method: str,
        head: bytes,
        body: bytes | AsyncIterable[bytes] | None,
        leaving: Callable[[], None] | None = None,
    ) -> Answer:
        """The same of a head that is made already, for one request."""
        lane = self._lanes.get(origin) or self._new_lane(origin)
        connection = self._kept_of(lane) or await self._in_turn(lane)
        if leaving is not None:
            leaving()
        try:
            return await connection.ask(head, body, is_head=method == "HEAD")
        except DiedUnanswered:
            if not connection.has_answered or method not in _SAFE_METHODS or body:
                raise
        again = await self._in_turn(lane)
        return await again.ask(head, body, is_head=method == "HEAD")

    async def close(self) -> None:
        """End every connection, whatever it is at."""
        self._most = self._most_waiting = 0
        if self._sweeper is not None:
            self._sweeper.cancel()
        for lane in self._lanes.values():
            for turn in lane.waiting:
                _refuse(turn)
        for connection in list(self._made):
            connection.close()
        await asyncio.sleep(0)

    # Having a connection

    def _new_lane(self, origin: Origin) -> _Lane:
        lane = self._lanes[origin] = _Lane(self, origin)
        return lane

    def _kept_of(self, lane: _Lane) -> Connection | None:
        while lane.kept:
            connection, _ = lane.kept.popitem()
            if connection.is_quiet():
                return connection
            connection.close()
        return None

    async def _in_turn(self, lane: _Lane) -> Connection:
        """A new connection where there may be one more, else the first that others leave."""
        while not self._takes(lane):
            connection = await self._turn(lane)
            if connection is None:
                break
            if connection.is_quiet():
                return connection
            connection.close()
        return await self._dialed(lane)

    def _takes(self, lane: _Lane) -> bool:
        """Count one more, if there is room; an idle connection elsewhere makes room."""
        if lane.size >= self._most_per_origin or (self._size >= self._most and not self._close_an_idle_one()):
            return False
        self._count(lane, 1)
        return True

    def _close_an_idle_one(self) -> bool:
        for lane in self._lanes.values():
            for connection in lane.kept:
                connection.close()
                return self._size < self._most
        return False

    async def _dialed(self, lane: _Lane) -> Connection:
        """A new connection, which is counted already."""
        try:
            connection = await dial(lane.origin, Connection, self._addresses, self._context(lane.origin))
            if connection.is_closed:
                raise NotConnected("closed at once")
        except BaseException:
            self._uncount(lane)
            raise
        connection.owner = lane
        self._made.add(connection)
        return connection

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if origin.is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls if origin.is_tls else None

    async def _turn(self, lane: _Lane) -> Connection | None:
        if self._waiting >= self._most_waiting:
            raise NoRoom("too many wait for a connection")
        loop = asyncio.get_running_loop()
        turn: _Turn = loop.create_future()
        lane.waiting[turn] = None
        self._waiting += 1
        timer = loop.call_later(WAIT_SECONDS, _refuse, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(lane, turn.result())
            raise
        finally:
            timer.cancel()
            lane.waiting.pop(turn, None)
            self._waiting -= 1

    def _give_back(self, lane: _Lane, had: Connection | None) -> None:
        if had is None:
            self._uncount(lane)
        elif not had.is_closed:
            self.free(lane, had)

    # Leaving one

    def free(self, lane: _Lane, connection: Connection) -> None:
        """A connection may be used again: by who waits for its origin, or later."""
        turn = _next(lane) if lane.waiting else None
        if turn is not None:
            turn.set_result(connection)
        elif self._waiting and self._size >= self._most:
            connection.close()
        else:
            connection.idle_since = connection.loop.time()
            lane.kept[connection] = None
            if self._sweeper is None:
                self._sweeper = connection.loop.call_later(_SWEEP_SECONDS, self._sweep)

    def lost(self, lane: _Lane, connection: Connection) -> None:
        """A connection ended."""
        self._made.discard(connection)
        lane.kept.pop(connection, None)
        self._uncount(lane)

    def _count(self, lane: _Lane, more: int) -> None:
        lane.size += more
        self._size += more

    def _uncount(self, lane: _Lane) -> None:
        """One less: who waits may make another, of this origin first."""
        self._count(lane, -1)
        if self._waiting and self._size < self._most:
            for other in (lane, *self._lanes.values()):
                turn = _next(other) if other.size < self._most_per_origin else None
                if turn is not None:
                    self._count(other, 1)
                    turn.set_result(None)
                    return

    def _sweep(self) -> None:
        """Close what was idle for long; runs on while anything is kept."""
        loop = asyncio.get_running_loop()
        latest = loop.time() - KEPT_SECONDS
        for lane in list(self._lanes.values()):
            for connection in [kept for kept in lane.kept if kept.idle_since <= latest]:
                connection.close()
        is_needed = any(lane.kept for lane in self._lanes.values())
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep) if is_needed else None


def _next(lane: _Lane) -> _Turn | None:
    """Who waited longest, taken from the line."""
    while lane.waiting:
        turn = next(iter(lane.waiting))
        del lane.waiting[turn]
        if not turn.done():
            return turn
    return None


def _refuse(turn: _Turn) -> None:
    if not turn.done():
        turn.set_exception(NoRoom("no connection was free in time"))
