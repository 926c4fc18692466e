"""Licensing as tests drive it: its application on a port, its service as a value, news as billing says them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.licensing.app import create_app
from services.licensing.events.billing import handle
from services.licensing.service import Licensing
from services.licensing.settings import Settings
from shared.clock import FixedClock
from shared.contracts.subscriptions import CHANGED
from shared.ids import new_id
from shared.inbox import Event
from shared.service_auth import Caller
from tests.support.http import running
from tests.support.keys import headers_for, service_headers

START = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
VALIDATE = "/api/v1/licenses/validate"


@dataclass
class World:
    """`http` asks as the gateway would."""

    licensing: Licensing
    http: httpx.AsyncClient
    clock: FixedClock
    account_id: str
    _versions: dict[str, int] = field(default_factory=dict)

    def facts(self, subscription_id: str, **changes: Any) -> dict[str, Any]:
        """What billing says of a subscription, of a version above the last."""
        version = changes.pop("version", None) or self._versions.get(subscription_id, 0) + 1
        self._versions[subscription_id] = max(version, self._versions.get(subscription_id, 0))
        plan = {
            "id": "license-monthly",
            "name": "License",
            "max_activations": 1,
            "lease_seconds": None,
            "entitlements": ["export"],
        }
        return {
            "subscription_id": subscription_id,
            "account_id": self.account_id,
            "stripe_subscription_id": "sub_stripe_1",
            "stripe_customer_id": "cus_1",
            "plan": {**plan, **changes.pop("plan", {})},
            "status": "active",
            "standing": "good",
            "reason": None,
            "expires_at": (START + timedelta(days=31)).isoformat(),
            "grace_seconds": 3 * 86_400,
            "trialing": False,
            "version": version,
            **changes,
        }

    async def tell(self, facts: dict[str, Any]) -> None:
        """Billing's news arrive."""
        event = Event(1, "evt", CHANGED, facts["subscription_id"], facts, START.isoformat())
        async with self.licensing.database.transaction() as connection:
            await handle(self.licensing, connection, event)
        await self.licensing.announce()
        await self.licensing.feed.poll()

    async def subscribed(self, **changes: Any) -> str:
        """A subscription that billing has told of; its id."""
        subscription_id = new_id("sub", at=START)
        await self.tell(self.facts(subscription_id, **changes))
        return subscription_id

    async def bought(self, **changes: Any) -> tuple[str, str]:
        """The id and the key of a license with this standing."""
        subscription_id = await self.subscribed(**changes)
        listed = (await self.get("/api/v1/licenses")).json()["data"]
        [license_id] = [each["id"] for each in listed if each["subscription_id"] == subscription_id]
        read = (await self.get(f"/api/v1/licenses/{license_id}")).json()
        return read["id"], read["key"]

    async def validate(self, key: str, *, ip: str = "192.0.2.1", **asked: Any) -> httpx.Response:
        headers = {**service_headers("licensing"), "x-tollgate-caller-ip": ip}
        return await self.http.post(VALIDATE, json={"license_key": key, **asked}, headers=headers)

    async def code(self, key: str, **asked: Any) -> str:
        answer = await self.validate(key, **asked)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])

    async def get(self, path: str, *, account_id: str | None = None) -> httpx.Response:
        caller = Caller(account_id or self.account_id, "customer")
        return await self.http.get(path, headers=headers_for(caller, "licensing"))

    async def post(self, path: str, body: object = None, *, account_id: str | None = None) -> httpx.Response:
        caller = Caller(account_id or self.account_id, "customer")
        return await self.http.post(path, json=body, headers=headers_for(caller, "licensing"))

    async def operate(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        operator = Caller("acct_operator", "operator")
        return await self.http.request(
            method,
            f"/api/v1/admin/licenses{path}",
            json=body,
            headers={**headers_for(operator, "licensing"), **headers},
        )


@contextlib.asynccontextmanager
async def licensing_world(settings: Settings) -> AsyncIterator[World]:
    """One process of licensing, at a clock that stands still."""
    clock = FixedClock(START)
    app = create_app(settings, clock=clock)
    async with running(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield World(app.state.service, http, clock, new_id("acct", at=START))


SettingsFor = Callable[..., Settings]
