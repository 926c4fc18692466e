"""A password that is reset while a sign-in with the old one is being judged."""

from typing import Any

import pytest

from services.gateway.store import accounts
from services.gateway.use_cases import signing_in
from tests.integration.gateway_identity.conftest import World, code_of


async def test_a_sign_in_judged_before_a_reset_opens_nothing_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await world.register("ada@example.com", password="the old password")
    gateway, judged = world.gateway, signing_in._judged
    async with gateway.passwords.worker() as worker:
        change = {"password_hash": await worker.hash("the new password")}

    async def judged_then_reset(*arguments: Any) -> Any:
        verdict = await judged(*arguments)
        async with gateway.database.transaction() as connection:
            await accounts.update(connection, gateway.vault, customer.id, change, at=gateway.clock.now())
        return verdict

    monkeypatch.setattr(signing_in, "_judged", judged_then_reset)
    body = {"email": "ada@example.com", "password": "the old password"}
    refused = await (await world.client()).post("/api/v1/auth/login", json=body)
    assert (refused.status_code, code_of(refused)) == (401, "invalid_credentials")
    monkeypatch.undo()
    body["password"] = "the new password"
    assert (await (await world.client()).post("/api/v1/auth/login", json=body)).status_code == 200
