"""What is published rings for the dispatcher that numbers it, so that this may look rarely."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from services.gateway.service import Gateway
from tests.integration.gateway_identity.conftest import World

SOON_SECONDS = 2.0
QUIET_SECONDS = 0.4


@contextlib.asynccontextmanager
async def heard_at(gateway: Gateway) -> AsyncIterator[None]:
    """The bell rings within the block or soon after it. A dispatcher may hear it, too, and be at work already."""
    await _quiet(gateway)
    heard = asyncio.create_task(gateway.news.wait())
    await asyncio.sleep(0)
    assert not heard.done()
    yield
    async with asyncio.timeout(SOON_SECONDS):
        await heard


async def _quiet(gateway: Gateway) -> None:
    """What was published before has rung: at once, and once more when the change feed told of it."""
    until = asyncio.get_running_loop().time() + QUIET_SECONDS
    while asyncio.get_running_loop().time() < until:
        if gateway.news.is_set():
            until = asyncio.get_running_loop().time() + QUIET_SECONDS
        await asyncio.sleep(0.01)


async def test_a_registration_and_a_change_ring_where_they_are_made(world: World) -> None:
    async with heard_at(world.gateway):
        customer = await world.register()
    async with heard_at(world.gateway):
        assert (await customer.http.patch("/api/v1/account", json={"name": "Grace"})).status_code == 200


async def test_a_change_rings_in_every_process(make_world: Callable[..., Any]) -> None:
    here, elsewhere = await make_world(), await make_world()
    customer = await here.register()
    async with heard_at(elsewhere.gateway):
        assert (await customer.http.patch("/api/v1/account", json={"name": "Grace"})).status_code == 200
