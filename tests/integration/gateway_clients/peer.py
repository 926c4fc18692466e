"""The other end of a connection: bare sockets that do as a test says."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from services.gateway.clients.http1 import Answer, Origin, Pool, origin_of

Act = Callable[["Peer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Peer:
    """`connections` counts what was accepted, `ended` what the other side ended."""

    url: str
    connections: int = 0
    ended: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    heads: list[bytes] = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        return origin_of(self.url)


@contextlib.asynccontextmanager
async def peer(act: Act, *, tls: ssl.SSLContext | None = None) -> AsyncIterator["Peer"]:
    """Serve each connection with `act`; the connection ends when it returns."""
    made = Peer("")
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        tasks.add(asyncio.current_task())
        try:
            await act(made, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            made.ended += 1
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    made.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes) -> Act:
    """An act: one of the answers for each request, the last for ever; the connection is kept."""

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(1_000_000):
            made.heads.append(await read_head(reader))
            writer.write(answers[min(number, len(answers) - 1)])
            await writer.drain()

    return act


@contextlib.asynccontextmanager
async def pool_of(**options: Any) -> AsyncIterator[Pool]:
    chosen = {"most_connections": 10, "most_per_origin": 10, "most_waiting": 10, **options}
    pool = Pool(**chosen)
    try:
        yield pool
    finally:
        await pool.close()
        assert not pool._made
        assert not any(lane.size for lane in pool._lanes.values())


async def get(pool: Pool, made: Peer, method: str = "GET", body: Any = None, *headers: tuple[bytes, bytes]) -> Answer:
    return await pool.open(made.origin, method, b"/x?y=1", [(b"host", b"upstream"), *headers], body)


async def read(answer: Answer) -> bytes:
    """The whole of it, however it came."""
    try:
        return b"".join([piece async for piece in answer.body()])
    finally:
        await answer.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side ends the connection; what it sends until then is thrown away."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65_536):
            pass
    return True
