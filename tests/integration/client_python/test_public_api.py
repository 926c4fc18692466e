"""Both clients against the real gateway: one story, a refusal with its code, a list of more than one page."""

import asyncio

import pytest

from tests.integration.gateway_identity.conftest import PASSWORD, World
from tollgate_client import AsyncTollgateClient, Problem, TollgateClient, Unreachable

ENOUGH = 5_000_000


async def test_a_customer_makes_lists_rotates_and_revokes_keys(world: World) -> None:
    world.billing.default = ENOUGH
    customer = await world.register()
    async with AsyncTollgateClient(world.url) as nobody:
        signed_in = await nobody.login(email=customer.email, password=PASSWORD)
    async with AsyncTollgateClient(world.url, session=signed_in["token"]) as client:
        assert (await client.account())["id"] == customer.id
        made = [await client.create_api_key(name=f"key {number}") for number in range(3)]
        again = await client.create_api_key(name="once", idempotency_key="order-7")
        assert (await client.create_api_key(name="once", idempotency_key="order-7"))["id"] == again["id"]
        listed = [key["id"] async for key in client.api_keys(page_size=2)]
        assert sorted(listed) == sorted([*(key["id"] for key in made), again["id"]])
        rotated = await client.rotate_api_key(made[0]["id"])
        assert rotated["key"].startswith("tg_live_")
        await client.revoke_api_key(made[1]["id"])
        assert (await client.change_api_key(made[2]["id"], name="renamed"))["name"] == "renamed"
        await client.logout()
        with pytest.raises(Problem) as raised:
            await client.account()
    assert (raised.value.status, raised.value.code) == (401, "unauthenticated")


async def test_the_client_that_blocks_does_the_same(world: World) -> None:
    customer = await world.register()

    def story() -> Problem:
        with TollgateClient(world.url, session=customer.token) as client:
            assert list(client.api_keys()) == []
            with pytest.raises(Problem) as raised:
                client.create_api_key(name="first")
        return raised.value

    refused = await asyncio.to_thread(story)
    assert (refused.status, refused.code) == (402, "insufficient_credits")
    assert refused.document["required"] == 5000
    assert refused.request_id is not None and refused.request_id.startswith("req_")


async def test_nobody_there_is_told_apart() -> None:
    async with AsyncTollgateClient("http://127.0.0.1:1", sleep=lambda _: asyncio.sleep(0)) as client:
        with pytest.raises(Unreachable):
            await client.plans()
