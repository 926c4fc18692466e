"""A running gateway with the real licensing behind it, and a customer who owns a license."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from deploy.local.ports import free_port
from services.licensing.app import create_app
from tests.integration.gateway_identity.conftest import Customer, World, make_world, world
from tests.support.http import running

__all__ = ["make_world", "world"]

AUDIENCE = "https://software.example"


@dataclass
class Platform:
    """`license` is as its owner sees it, with its key."""

    url: str
    customer: Customer
    operator: Customer
    license: dict[str, Any]

    async def revoke(self) -> None:
        revoked = await self.operator.http.post(f"/api/v1/admin/licenses/{self.license['id']}/revoke", json={})
        assert revoked.status_code == 200, revoked.text


@pytest.fixture
async def platform(make_world: Callable[..., Any], settings_for: Callable[..., Any]) -> AsyncIterator[Platform]:
    port = free_port()  # each of the two must know where the other is
    world: World = await make_world(licensing_url=f"http://127.0.0.1:{port}")
    settings = settings_for(
        "licensing",
        license_audience=AUDIENCE,
        gateway_url=world.url,
        billing_url=world.billing.url,
        validations_per_minute_key=1_000,
        validations_per_minute_address=1_000,
    )
    async with running(create_app(settings), port=port):
        customer, operator = await world.register(), await world.operator()
        body = {"account_id": customer.id, "days": 30, "entitlements": ["export"], "send_mail": False}
        made = await operator.http.post("/api/v1/admin/licenses", json=body)
        assert made.status_code == 201, made.text
        yield Platform(world.url, customer, operator, made.json())
