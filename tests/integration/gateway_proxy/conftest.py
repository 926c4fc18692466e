"""Gateway and billing as they are, over real HTTP, PostgreSQL and Valkey, with an upstream that does as it is told."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.billing import app as billing_app
from services.billing.app import create_app as create_billing
from services.billing.use_cases.post_credit import post_purchase
from services.billing.worker import loops
from services.gateway.app import create_app as create_gateway
from services.gateway.clients.http1 import origin_of
from services.gateway.service import Gateway
from services.gateway.store.routes import KeptRoute
from services.gateway.use_cases import admin_routes
from services.gateway.use_cases.admin_routes import PriceParts, RouteWish
from services.gateway.use_cases.operators import ensure_operator
from shared.audit import Actor
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import new_id, new_uuid
from tests.integration.gateway_proxy.upstream import Upstream
from tests.support.described import held_to
from tests.support.http import eventually, running

PASSWORD = "correct horse battery staple"
NOWHERE = "http://127.0.0.1:1"
CREDIT = 1_000
CLOCK = SystemClock()
_numbers = itertools.count(1)
_NOBODY = Actor("system")
_LOOPS = {"billing-dispatcher", "ledger-holds", "credit-expiry", "credit-lots", "ledger-months"}
"""Billing's that a paid call may need. All of them would look a first time in each test, for a third of its CPU."""


@dataclass
class Customer:
    """A funded account with one key; `http` calls with it."""

    account_id: str
    key_id: str
    key: str
    session: str
    http: httpx.AsyncClient


@dataclass
class Platform:
    """Everything that runs in one test."""

    gateway: Gateway
    url: str
    billing_url: str
    billing_db: Database
    upstream: Upstream
    stack: AsyncExitStack
    anyone: httpx.AsyncClient

    async def fund(self, account_id: str, credits: int) -> None:
        async with self.billing_db.transaction() as connection:
            await post_purchase(
                connection,
                account_id=account_id,
                transfer_id=new_uuid(at=CLOCK.real_now()),
                millicredits=credits * CREDIT,
                reference=new_id("pay", at=CLOCK.now()),
                description="Credits",
                at=CLOCK.now(),
                real_now=CLOCK.real_now(),
            )

    async def customer(self, credits: int = 5_000, **key: Any) -> Customer:
        email = f"caller{next(_numbers)}@example.com"
        made = (await self.anyone.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})).json()
        await self.fund(made["account"]["id"], 5_000)
        session = made["token"]
        answer = await self.anyone.post(
            "/api/v1/auth/api-key",
            json={"name": "test", **key},
            headers={"authorization": f"Bearer {session}"},
        )
        assert answer.status_code == 201, answer.text
        if credits != 5_000:
            await self.set_available(made["account"]["id"], credits)
        return Customer(
            made["account"]["id"],
            answer.json()["id"],
            answer.json()["key"],
            session,
            await self.client(answer.json()["key"]),
        )

    async def set_available(self, account_id: str, credits: int) -> None:
        """Spend down to so many credits by a call of exactly the rest."""
        wallet = await self.wallet(account_id)
        charge = {
            "op": "charge",
            "id": str(new_uuid(at=CLOCK.real_now())),
            "account_id": account_id,
            "amount": wallet["available"] - credits * CREDIT,
            "usage": {
                "request_id": str(new_uuid(at=CLOCK.real_now())),
                "route": "spent",
                "key_id": "none",
                "price_version": 1,
                "units": {"calls": 1, "tokens": 0, "units": 0},
                "outcome": "delivered",
                "flagged": False,
            },
        }
        answer = await self.gateway.billing.post("/internal/v1/ledger/postings", {"items": [charge]}, idempotent=False)
        assert answer.json()["results"][0]["verdict"] == "posted", answer.text

    def send_postings_to(self, url: str) -> None:
        """Where the gateway's postings go from now on."""
        self.gateway.paid._ledger._door._origin = origin_of(url)

    async def client(self, key: str) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key}"}
        limits = httpx.Limits(max_connections=200)
        return await self.stack.enter_async_context(
            httpx.AsyncClient(
                base_url=self.url, headers=headers, timeout=20, limits=limits, event_hooks=held_to("gateway")
            )
        )

    async def operator(self) -> httpx.AsyncClient:
        address = f"operator{next(_numbers)}@example.com"
        await ensure_operator(self.gateway, email=address, password=PASSWORD)
        made = await self.anyone.post("/api/v1/auth/login", json={"email": address, "password": PASSWORD})
        return await self.client(made.json()["token"])

    async def route(self, name: str, *, path: str = "", price: PriceParts, **wish: Any) -> KeptRoute:
        async def keep(_connection: Any, made: KeptRoute) -> KeptRoute:
            return made

        wanted = RouteWish(name=name, upstream_url=self.upstream.url + path, price=price, **wish)
        return await admin_routes.create_route(self.gateway, _NOBODY, wanted, keep=keep)

    async def wallet(self, account_id: str) -> dict[str, int]:
        answer = await self.gateway.billing.get(f"/internal/v1/wallets/{account_id}")
        wallet: dict[str, int] = answer.json()
        return wallet

    async def settled(self, account_id: str, available: int) -> None:
        """Poll until so many millicredits are available and none held."""

        async def is_so() -> bool:
            wallet = await self.wallet(account_id)
            return (wallet["available"], wallet["held"]) == (available, 0)

        await eventually(is_so, within_seconds=10)


MakePlatform = Callable[..., Awaitable[Platform]]


@pytest.fixture
async def make_platform(
    settings_for: Callable[..., Any], billing_db: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MakePlatform]:
    monkeypatch.setattr(billing_app, "loops", lambda billing: [each for each in loops(billing) if each.name in _LOOPS])
    async with AsyncExitStack() as stack:

        async def make(**overrides: Any) -> Platform:
            upstream = await stack.enter_async_context(Upstream().running())
            billing = create_billing(settings_for("billing", stripe_secret_key="sk_test_x", license_plan_id=""))
            billing_url = overrides.pop("billing_url", None) or await stack.enter_async_context(running(billing))
            quick = {
                "password_memory_kib": 8192,
                "password_passes": 1,
                "hang_up_read_ms": 500,
                "billing_deadline_ms": 20_000,
                "billing_queue_ms": 20_000,
                "paid_wait_ms": 20_000,
            }
            gateway = create_gateway(settings_for("gateway", billing_url=billing_url, **{**quick, **overrides}))
            url = await stack.enter_async_context(running(gateway))
            anyone = await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=20, event_hooks=held_to("gateway"))
            )
            return Platform(gateway.state.service, url, billing_url, billing_db, upstream, stack, anyone)

        yield make


@pytest.fixture
async def platform(make_platform: MakePlatform) -> Platform:
    return await make_platform()


def code_of(answer: httpx.Response) -> str:
    """The code of a problem document, whose shape is checked on the way."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    return str(problem["code"])
