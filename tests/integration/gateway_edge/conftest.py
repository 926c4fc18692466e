"""The edge over real sockets, before a use case that does as each test says."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from services.gateway.api import problems
from services.gateway.api.edge import Edge, EdgeProtocol
from services.gateway.api.edge.house import Bounds
from services.gateway.use_cases.paid_call.request import PaidAnswer, PaidRequest
from tests.support.http import running

Handler = Callable[[PaidRequest], Awaitable[PaidAnswer]]
PATIENCE_SECONDS = 10.0
QUICK = {"max_calls": 100, "slow_seconds": 0.3, "head_seconds": 30.0, "linger_seconds": 0.5, "sweep_seconds": 0.02}


async def whole_body(request: PaidRequest) -> bytes:
    """The request's body, whichever form it has."""
    if isinstance(request.body, bytes):
        return request.body
    return b"".join([piece async for piece in request.body])


async def say_ok(request: PaidRequest) -> PaidAnswer:
    return PaidAnswer(
        200, [(b"content-type", b"text/plain")], b"ok " + request.head.raw_path + await whole_body(request)
    )


async def pieces(*of: bytes) -> AsyncGenerator[bytes]:
    for piece in of:
        yield piece


@dataclass
class Stub:
    """The use case: what it was asked, and what it answers."""

    handler: Handler = say_ok
    seen: list[PaidRequest] = field(default_factory=list)

    async def call(self, request: PaidRequest) -> PaidAnswer:
        self.seen.append(request)
        return await self.handler(request)


@dataclass
class Wire:
    """One connection of a caller, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: str | bytes) -> None:
        for part in parts:
            self.writer.write(part if isinstance(part, bytes) else part.encode("latin-1"))
        await self.writer.drain()

    async def rest(self) -> bytes:
        """All that comes until the connection ends."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE_SECONDS)

    async def answer(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """One answer: status, headers, body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = b""
        if has_body and "content-length" in headers:
            body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), PATIENCE_SECONDS)
        elif has_body and headers.get("transfer-encoding") == "chunked":
            body = await asyncio.wait_for(self._chunks(), PATIENCE_SECONDS)
        return int(first.split(" ")[1]), headers, body

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def is_over(self) -> bool:
        """Whether the other side has ended, with nothing more said."""
        return await self.rest() == b""


@dataclass
class House:
    """The server under test."""

    port: int
    stub: Stub
    edge: Edge
    app: FastAPI
    stack: contextlib.AsyncExitStack

    async def wire(self) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        self.stack.callback(writer.close)
        return Wire(reader, writer)

    async def one(self, *parts: str | bytes) -> Wire:
        """A connection on which this was sent."""
        wire = await self.wire()
        await wire.send(*parts)
        return wire


MakeHouse = Callable[..., Awaitable[House]]


def head(line: str = "GET /proxy/a/b HTTP/1.1", *headers: str, host: str = "localhost") -> str:
    return "\r\n".join((line, f"Host: {host}", *headers, "", ""))


def post(body: bytes, *headers: str) -> bytes:
    return head("POST /proxy/a/b HTTP/1.1", f"Content-Length: {len(body)}", *headers).encode() + body


@pytest.fixture
async def make_house() -> AsyncIterator[MakeHouse]:
    problems.register()
    async with contextlib.AsyncExitStack() as stack:

        async def make(**bounds: Any) -> House:
            app = FastAPI()
            stub = Stub()
            settings: Any = SimpleNamespace(public_url="http://api.example.com", allowed_hosts=(), environment="local")
            app.state.service = SimpleNamespace(paid=stub)
            app.state.edge = Edge(app.state, settings, Bounds(**{**QUICK, **bounds}))
            app.state.http_protocol = EdgeProtocol
            app.add_api_route("/ping", lambda: {"status": "ok"})
            url = await stack.enter_async_context(running(app))
            return House(int(url.rpartition(":")[2]), stub, app.state.edge, app, stack)

        yield make


@pytest.fixture
async def house(make_house: MakeHouse) -> House:
    return await make_house()
