"""Serving an application over a real loopback port, inside the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from shared.service_main import uvicorn_options

GRACE_SECONDS = 2.0


class _Server(uvicorn.Server):
    """uvicorn without its ticks: hundreds of applications begin and end in a run of the tests, each at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._connections_end()
        await self.lifespan.shutdown()

    async def _connections_end(self) -> None:
        state, deadline = self.server_state, asyncio.get_running_loop().time() + GRACE_SECONDS
        while state.connections or state.tasks:
            if asyncio.get_running_loop().time() > deadline:
                for task in state.tasks:
                    task.cancel()
                return
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def running(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Serve `app` as the services are served; yields its base URL once its lifespan has begun."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    options = {**uvicorn_options(app), "loop": "none"}
    server = _Server(uvicorn.Config(app, **options))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the application did not start: see its log")
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stopping.set()
        await task
        listener.close()


async def eventually(check: Any, *, within_seconds: float = 5.0) -> Any:
    """Poll `check` (plain or async) until it is true; its value. Fails past the deadline."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while True:
        value = check()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"not within {within_seconds} s: {check}"
        await asyncio.sleep(0.01)
