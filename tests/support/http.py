"""Serving an application over a real loopback port, inside the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from shared.service_main import uvicorn_options


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Serve `app` as the services are served; yields its base URL once its lifespan has begun."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    options = {**uvicorn_options(), "loop": "none", "timeout_graceful_shutdown": 2}
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
        server.should_exit = True
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
