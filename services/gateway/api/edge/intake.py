"""A request's body as it comes off the connection: kept until it is read, and the connection not read past a bound."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from services.gateway.api.edge.heads import CONTINUE
from services.gateway.use_cases.paid_call.request import request_timeout

HIGH_WATER = 64 * 1024


class Awaited(Protocol):
    """The request whose body it is."""

    expects_100: bool


class Read(Protocol):
    """The connection that it comes from."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl


class Intake:
    """One request's body. The connection puts pieces in, the call takes them out."""

    def __init__(self, request: Awaited, connection: Read, slow_seconds: float) -> None:
        self._request = request
        self._connection = connection
        self._slow_seconds = slow_seconds
        self._held: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.is_whole = False
        self.fault: Exception | None = None

    def put(self, piece: bytes) -> None:
        self._held.append(piece)
        self._size += len(piece)
        if self._size > HIGH_WATER:
            self._connection.flow.pause_reading()
        self.wake()

    def end(self) -> None:
        """All of it has come. The connection is read on, or nobody would notice that its caller hangs up."""
        self.is_whole = True
        self._connection.flow.resume_reading()
        self.wake()

    def spoil(self, fault: Exception) -> None:
        """Nothing more will come: whoever reads on gets `fault`."""
        self.fault = fault
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def whole(self) -> bytes:
        """All of it, where it has come."""
        assert self.is_whole
        return self._held[0] if len(self._held) == 1 else b"".join(self._held)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read once. Raises CallerLeft, or DomainError where it stops coming or can't be parsed."""
        while True:
            if self._held:
                piece = b"".join(self._held)
                self._held.clear()
                self._size = 0
                yield piece
            elif self.is_whole:
                return
            elif self.fault is not None:
                raise self.fault
            else:
                await self._arrival()

    async def _arrival(self) -> None:
        if self._request.expects_100:
            self._request.expects_100 = False
            self._connection.transport.write(CONTINUE)
        self._connection.flow.resume_reading()
        self._waiter = self._connection.loop.create_future()
        try:
            async with asyncio.timeout(self._slow_seconds):
                await self._waiter
        except TimeoutError:
            raise request_timeout() from None
        finally:
            self._waiter = None
