"""A rotation whose answer was lost: the successor is known to nobody, so its first answer must come again."""

import pytest

from tests.integration.gateway_identity.conftest import Customer, World


@pytest.fixture
async def rich(world: World) -> Customer:
    world.billing.default = 5_000_000
    return await world.register()


async def test_a_rotation_sent_again_gives_its_first_answer(world: World, rich: Customer) -> None:
    old = await rich.make_key()
    path, headers = f"/api/v1/auth/api-keys/{old['id']}/rotate", {"Idempotency-Key": "rotate-1"}
    first = await rich.http.post(path, headers=headers)
    again = await rich.http.post(path, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["key"] == first.json()["key"]
    assert again.headers["idempotent-replayed"] == "true"
    for other in ({}, {"Idempotency-Key": "rotate-2"}):
        assert (await rich.http.post(path, headers=other)).status_code == 404


async def test_anothers_key_is_not_found_whatever_the_header(world: World, rich: Customer) -> None:
    stranger = await world.register()
    old = await rich.make_key()
    path = f"/api/v1/auth/api-keys/{old['id']}/rotate"
    refused = await stranger.http.post(path, json={"nonsense": 1}, headers={"Idempotency-Key": "rotate-1"})
    assert refused.status_code == 404
