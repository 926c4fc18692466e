"""A real gateway process that dies at a named place of the first call that reaches it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx

from deploy.local.ports import free_port
from services.gateway.use_cases.paid_call.crash_points import EXIT_CRASHED
from tests.support import keys
from tests.support.databases import TestDatabase

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 60.0


def environment(database: TestDatabase, redis_url: str, billing_url: str, **more: str) -> dict[str, str]:
    """What `python -m services.gateway serve` reads; `more` are further settings."""
    settings = {
        "environment": "test",
        "log_level": "error",
        "run_workers": "false",
        "database_url": database.url_of("gateway"),
        "redis_url": redis_url,
        "billing_url": billing_url,
        "password_memory_kib": "8192",
        **{name: str(value) for name, value in keys.environment("gateway").items()},
        **more,
    }
    return {name.upper(): value for name, value in settings.items()}


@contextlib.asynccontextmanager
async def doomed_gateway(
    point: str, settings: Mapping[str, str]
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Its address, once it answers, and itself. It is dead afterwards, of its own or not."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway", "serve", f"--port={port}",
        cwd=ROOT, env={**os.environ, **settings, "CRASH_AT": point}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await _answers(url, process)
        yield url, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _answers(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
        while True:
            assert process.returncode is None, "the gateway did not start"
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{url}/ping")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


async def died_there(process: asyncio.subprocess.Process) -> bool:
    """Whether it died of its own at the place that was named."""
    async with asyncio.timeout(20):
        return await process.wait() == EXIT_CRASHED
