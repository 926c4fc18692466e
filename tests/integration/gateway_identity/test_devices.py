"""Devices through the gateway, with the real fraud service behind it: with a session and without, and claimed by those
who register an account."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.fraud.app import create_app as create_fraud
from services.gateway.clients.devices import FraudUnavailable
from services.gateway.domain.session import token_hash
from services.gateway.store import accounts
from shared.service_auth import Verifier, public_key_of
from tests.integration.gateway_identity.conftest import PASSWORD, World, code_of
from tests.support.http import running
from tests.support.keys import SEEDS

DEVICES = "/api/v1/devices"
PHONE = {"type": "phone", "fingerprint": "b2f5ff47436671b6", "capabilities": ["nfc"]}


@dataclass
class Shop:
    """A gateway in front of fraud."""

    world: World
    made: int = 0

    async def device(self) -> str:
        """One that is nobody's; each from another address, for one address registers five."""
        self.made += 1
        made = await self.world.http.post(DEVICES, json=PHONE, headers={"x-forwarded-for": f"203.0.113.{self.made}"})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def sign_up(self, email: str, **body: Any) -> httpx.Response:
        return await self.world.http.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD, **body})

    async def owned(self, signed_up: httpx.Response) -> list[str]:
        headers = {"authorization": f"Bearer {signed_up.json()['token']}"}
        found = await self.world.http.get(DEVICES, headers=headers)
        assert found.status_code == 200, found.text
        return [device["id"] for device in found.json()["data"]]


@pytest.fixture
async def shop(make_world: Callable[..., Any], settings_for: Callable[..., Any]) -> AsyncIterator[Shop]:
    async with running(create_fraud(settings_for("fraud", run_workers=False))) as url:
        yield Shop(await make_world(fraud_url=url))


async def test_stranger_registers_a_device_and_sees_none(shop: Shop) -> None:
    http = shop.world.http
    assert (await shop.device()).startswith("dev_")
    assert code_of(await http.get(DEVICES)) == "unauthenticated"
    assert code_of(await http.delete(DEVICES)) == "method_not_allowed"
    bad = await http.post(DEVICES, json=PHONE, headers={"authorization": "Bearer tgs_" + "x" * 43})
    assert (bad.status_code, code_of(bad)) == (401, "unauthenticated")


async def test_device_of_a_session_is_its_accounts(shop: Shop) -> None:
    customer, other = await shop.world.register(), await shop.world.register()
    made = await customer.http.post(DEVICES, json=PHONE)
    assert (await customer.http.get(DEVICES)).json()["data"] == [made.json()]
    assert (await other.http.get(DEVICES)).json()["data"] == []
    refused = await shop.sign_up("third@example.com", device_id=made.json()["id"])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/device_id")


async def test_sixth_registration_of_an_address_is_refused_whoever_is_signed_in(shop: Shop) -> None:
    customer = await shop.world.register()
    here = {"x-forwarded-for": "198.51.100.7"}
    for http in (shop.world.http, customer.http, shop.world.http, customer.http, customer.http):
        assert (await http.post(DEVICES, json=PHONE, headers=here)).status_code == 201
    for http in (shop.world.http, customer.http):
        refused = await http.post(DEVICES, json=PHONE, headers=here)
        assert (refused.status_code, code_of(refused)) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 3_500
    assert (
        await customer.http.post(DEVICES, json=PHONE, headers={"x-forwarded-for": "198.51.100.8"})
    ).status_code == 201


async def test_registered_account_has_the_device_that_it_brought(shop: Shop) -> None:
    device_id = await shop.device()
    made = await shop.sign_up("ada@example.com", device_id=device_id)
    assert made.status_code == 201 and await shop.owned(made) == [device_id]
    for unusable in (device_id, "dev_" + "0" * 26, "dev_x", ""):
        refused = await shop.sign_up("eve@example.com", device_id=unusable)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/device_id")
    assert (await shop.sign_up("eve@example.com")).status_code == 201


async def test_registration_that_fails_claims_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    device_id = await shop.device()
    await shop.sign_up("taken@example.com")

    async def breaks(*_args: object, **_options: object) -> None:
        raise RuntimeError("the disk is full")

    assert code_of(await shop.sign_up("taken@example.com", device_id=device_id)) == "email_taken"
    with monkeypatch.context() as patch:
        patch.setattr(accounts, "insert", breaks)
        assert (await shop.sign_up("ada@example.com", device_id=device_id)).status_code == 500
    made = await shop.sign_up("ada@example.com", device_id=device_id)
    assert made.status_code == 201 and await shop.owned(made) == [device_id]


async def test_one_of_many_registrations_gets_the_device(shop: Shop) -> None:
    device_id = await shop.device()
    answers = await asyncio.gather(*(shop.sign_up(f"n{n}@example.com", device_id=device_id) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
    winner = next(answer for answer in answers if answer.status_code == 201)
    assert await shop.owned(winner) == [device_id]


async def test_repeated_registration_is_one_account_with_its_device(shop: Shop) -> None:
    device_id = await shop.device()
    headers, body = (
        {"idempotency-key": "once"},
        {"email": "a@example.com", "password": PASSWORD, "device_id": device_id},
    )
    first = await shop.world.http.post("/api/v1/auth/register", json=body, headers=headers)
    again = await shop.world.http.post("/api/v1/auth/register", json=body, headers=headers)
    assert (first.status_code, again.content) == (201, first.content)
    assert await shop.owned(first) == [device_id]


async def test_account_stands_though_fraud_is_lost_before_the_claim(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    device_id = await shop.device()

    async def lost(*_args: object, **_options: object) -> bool:
        raise FraudUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(shop.world.gateway.devices, "claim", lost)
        made = await shop.sign_up("ada@example.com", device_id=device_id)
    assert made.status_code == 201 and await shop.owned(made) == []


async def test_without_fraud_only_who_brings_a_device_must_wait(
    make_world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.clients.devices.DEADLINE_SECONDS", 0.2)
    world: World = await make_world(fraud_url="http://127.0.0.1:9")
    shop = Shop(world)
    refused = await shop.sign_up("ada@example.com", device_id="dev_" + "0" * 26)
    assert (refused.status_code, code_of(refused)) == (503, "service_unavailable")
    assert (await shop.sign_up("ada@example.com")).status_code == 201


async def test_operators_read_statistics_of_devices(shop: Shop) -> None:
    await shop.device()
    operator, customer = await shop.world.operator(), await shop.world.register()
    path = "/api/v1/admin/devices/statistics"
    told = (await operator.http.get(path)).json()
    assert told["by_type"]["phone"]["registered"] == told["registered"] == 1
    assert (await operator.http.get("/metrics")).json()["devices"] == told
    assert code_of(await customer.http.get(path)) == "forbidden"


async def test_account_older_than_mailbox_digests_gets_its_own_at_sign_in(shop: Shop) -> None:
    world = shop.world
    customer = await world.register("a.d.a+shop@googlemail.com")

    async def known() -> str | None:
        async with world.gateway.database.transaction() as connection:
            account = await accounts.get(connection, world.gateway.vault, customer.id)
        assert account is not None
        return account.identity.mailbox_hash

    assert await known() == world.gateway.vault.mailbox_lookup("ada@gmail.com")
    async with world.gateway.database.transaction() as connection:
        await connection.execute(text("UPDATE accounts SET mailbox_lookup = NULL"))
    assert await known() is None
    signed_in = await world.http.post("/api/v1/auth/login", json={"email": customer.email, "password": PASSWORD})
    assert signed_in.status_code == 200
    assert await known() == world.gateway.vault.mailbox_lookup("ada@gmail.com")


async def test_sibling_hears_of_software_and_session_from_us_alone(make_world: Callable[..., Any]) -> None:
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.headers))

    async with running(Starlette(routes=[Route(DEVICES, echo, methods=["POST"])])) as url:
        world: World = await make_world(fraud_url=url)
        customer = await world.register("ada+x@gmail.com")
        lies = {"x-tollgate-session": "forged", "x-tollgate-user-agent": "forged", "user-agent": "Shop/2 (caf\u00e9)"}
        sent = httpx.Headers(lies, encoding="latin-1")
        heard = (await customer.http.post(DEVICES, json=PHONE, headers=sent)).json()
        again = (await customer.http.post(DEVICES, json=PHONE)).json()
        nobody = (await world.http.post(DEVICES, json=PHONE, headers=sent)).json()
    verified = Verifier("fraud", {"gateway": public_key_of(SEEDS["gateway"])})
    caller = verified.verify(heard["authorization"].removeprefix("Bearer "))
    assert caller.account_id == customer.id
    assert caller.mailbox_hash == world.gateway.vault.mailbox_lookup("ada@gmail.com")
    assert heard["x-tollgate-user-agent"] == "Shop/2 (caf?)" == nobody["x-tollgate-user-agent"]
    assert heard["x-tollgate-session"] == again["x-tollgate-session"] and len(heard["x-tollgate-session"]) == 64
    assert heard["x-tollgate-session"] != token_hash(customer.token).hex()
    assert "x-tollgate-session" not in nobody
