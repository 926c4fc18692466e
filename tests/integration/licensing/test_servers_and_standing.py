"""Servers with a key, while their license's standing changes under them."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx

from tests.support.keys import service_headers
from tests.support.licensing_world import START, SettingsFor, World, licensing_world


async def _ask(world: World, deed: str, key: str, server_id: str) -> httpx.Response:
    body = {"license_key": key, "server_id": server_id}
    headers = {**service_headers("licensing"), "x-tollgate-caller-ip": "192.0.2.1"}
    answer = await world.http.post(f"/api/v1/licenses/{deed}", json=body, headers=headers)
    await world.licensing.feed.poll()
    return answer


async def _activation(world: World, key: str, server_id: str) -> str:
    answer = await _ask(world, "activate", key, server_id)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["activation"]["id"])


async def _key_of(world: World) -> tuple[str, str]:
    license_id = (await world.get("/api/v1/licenses")).json()["data"][0]["id"]
    return license_id, (await world.get(f"/api/v1/licenses/{license_id}")).json()["key"]


async def test_a_server_is_activated_at_once_after_the_purchase(world: World) -> None:
    _, key = await world.bought()
    assert await world.code(key, server_id="web-1") == "NOT_ACTIVATED"
    first = await _activation(world, key, "web-1")
    assert await world.code(key, server_id="web-1") == "VALID"
    assert await _activation(world, key, "web-1") == first


async def test_payment_after_suspension_finds_key_and_activations_as_they_were(world: World) -> None:
    subscription_id = await world.subscribed()
    _, key = await _key_of(world)
    await _activation(world, key, "web-1")
    await world.tell(world.facts(subscription_id, standing="suspended", reason="payment_failed"))
    assert await world.code(key, server_id="web-1") == "SUSPENDED"
    refused = await _ask(world, "activate", key, "web-2")
    assert (refused.status_code, refused.json()["verdict"]["code"]) == (403, "SUSPENDED")
    await world.tell(world.facts(subscription_id))
    assert await world.code(key, server_id="web-1") == "VALID"


async def test_fewer_servers_than_are_active_is_valid_on_none_until_enough_are_given_back(world: World) -> None:
    subscription_id = await world.subscribed(plan={"max_activations": 3})
    _, key = await _key_of(world)
    for server_id in ("web-1", "web-2"):
        await _activation(world, key, server_id)
    await world.tell(world.facts(subscription_id, plan={"max_activations": 1}))
    for server_id in ("web-1", "web-2"):
        assert await world.code(key, server_id=server_id) == "TOO_MANY_ACTIVATIONS"
    assert (await _ask(world, "activate", key, "web-3")).status_code == 409
    assert await world.code(key) == "VALID"
    assert (await _ask(world, "deactivate", key, "web-2")).status_code == 200
    assert await world.code(key, server_id="web-1") == "VALID"


async def test_an_expired_key_is_not_activated(world: World) -> None:
    _, key = await world.bought(grace_seconds=0)
    world.clock.at = START + timedelta(days=31)
    refused = await _ask(world, "activate", key, "web-1")
    assert (refused.status_code, refused.json()["code"]) == (403, "license_invalid")
    assert refused.json()["verdict"]["code"] == "EXPIRED"


async def test_a_revocation_comes_wholly_before_an_activation_or_wholly_after(world: World) -> None:
    for _ in range(3):
        license_id, key = await world.bought()
        activated, revoked = await asyncio.gather(
            _ask(world, "activate", key, "web-1"), world.operate("POST", f"/{license_id}/revoke")
        )
        assert revoked.status_code == 200
        assert activated.status_code == 200 or activated.json()["verdict"]["code"] == "REVOKED"
        assert await world.code(key, server_id="web-1") == "REVOKED"
        assert (await _ask(world, "activate", key, "web-2")).json()["verdict"]["code"] == "REVOKED"


async def test_a_replaced_key_keeps_the_servers_of_its_license(world: World) -> None:
    license_id, old = await world.bought()
    await _activation(world, old, "web-1")
    new = (await world.post(f"/api/v1/licenses/{license_id}/rotate", {})).json()["key"]
    assert await world.code(new, server_id="web-1") == "VALID"
    refused = await _ask(world, "activate", old, "web-1")
    assert (refused.status_code, refused.json()["verdict"]["code"]) == (403, "REVOKED")


async def test_every_replica_refuses_a_revoked_key_within_a_second(settings_for: SettingsFor) -> None:
    limits: dict[str, Any] = {"validations_per_minute_key": 10_000, "validations_per_minute_address": 10_000}
    settings = settings_for("licensing", run_workers=False, **limits)
    async with licensing_world(settings) as one, licensing_world(settings) as other:
        license_id, key = await one.bought()
        assert await other.code(key) == "VALID"
        await one.operate("POST", f"/{license_id}/revoke")
        revoked_at = time.monotonic()
        while await other.code(key) != "REVOKED":
            assert time.monotonic() - revoked_at < 1.0
            await asyncio.sleep(0.02)
