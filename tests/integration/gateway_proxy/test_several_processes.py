"""`GATEWAY_PROCESSES=2`: one port, one set of limits."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from deploy.local import processes
from services.gateway.use_cases.admin_routes import PriceParts
from tests.integration.gateway_proxy.conftest import CREDIT, Platform
from tests.support import keys
from tests.support.databases import TestDatabase
from tests.support.http import eventually

ROOT = Path(__file__).parents[3]


def _environment(platform: Platform, database: TestDatabase, redis_url: str) -> dict[str, str]:
    settings = {name.upper(): str(value) for name, value in keys.environment("gateway").items()}
    return {
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
        **settings,
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "warning",
        "DATABASE_URL": database.url_of("gateway"),
        "REDIS_URL": redis_url,
        "BILLING_URL": platform.billing_url,
        "GATEWAY_PROCESSES": "2",
    }


@pytest.fixture
def gateways(platform: Platform, database: TestDatabase, redis_url: str) -> Iterator[tuple[int, str]]:
    """Two gateways beside the platform's own: their parent's process id and their address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "services.gateway", "serve", "--port", str(port)]
    environment = _environment(platform, database, redis_url)
    parent = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
    yield parent.pid, f"http://127.0.0.1:{port}"
    parent.terminate()
    with suppress(subprocess.TimeoutExpired):
        parent.wait(20)
    with suppress(ProcessLookupError):
        os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()


async def _call(url: str, key: str) -> int:
    async with httpx.AsyncClient(base_url=url, timeout=20) as fresh:
        return (await fresh.get("/proxy/echo/x", headers={"authorization": f"Bearer {key}"})).status_code


async def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return await _call(url, "none") == 401
    return False


async def _all_are_answered(url: str, key: str) -> bool:
    """Ten calls, one after the other. A connection that the dead process had been given ends without an answer."""
    try:
        return Counter([await _call(url, key) for _ in range(10)]) == {200: 10}
    except httpx.ReadError:
        return False


async def test_a_limit_is_exact_over_both_and_one_can_die(platform: Platform, gateways: tuple[int, str]) -> None:
    parent, url = gateways
    await platform.route("echo", price=PriceParts(per_call=CREDIT))
    customer = await platform.customer(limits={"per_minute": 20, "per_day": 20})
    await eventually(lambda: _answers(url), within_seconds=30)
    await eventually(lambda: len(processes.descendants(parent)) == 2, within_seconds=30)

    counted = Counter(await asyncio.gather(*(_call(url, customer.key) for _ in range(60))))
    assert counted == {200: 20, 429: 40}
    await platform.settled(customer.account_id, (5_000 - 20) * CREDIT)

    other = await platform.customer()
    victim = processes.descendants(parent)[0]
    os.kill(victim, signal.SIGKILL)
    await eventually(lambda: processes.identify(victim) is None)
    await eventually(lambda: _all_are_answered(url, other.key), within_seconds=10)
    await eventually(lambda: len(set(processes.descendants(parent)) - {victim}) == 2)
