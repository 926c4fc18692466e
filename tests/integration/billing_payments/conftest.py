"""Billing over real HTTP with a real PostgreSQL and Redis, the real fraud service and the Stripe sandbox.

All that billing and the sandbox say to each other is held to Stripe's contract: a test that saw it broken fails at its
end. What a test delivers itself (`Shop.deliver`) is its own affair.
"""

import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.stripe_sandbox.app import create_app as create_sandbox
from deploy.stripe_sandbox.settings import Settings as SandboxSettings
from services.billing import app as billing_app
from services.billing.app import create_app as create_billing
from services.billing.domain.webhook_signature import sign
from services.billing.service import Billing
from services.billing.worker import loops
from services.fraud.app import create_app as create_fraud
from shared.ids import new_id
from shared.service_auth import Caller
from tests.support.described import held_to
from tests.support.http import eventually, running
from tests.support.keys import headers_for
from tests.support.stripe_contract import Watch

WEBHOOK_SECRET = "whsec_of_these_tests"
SECRET_KEY = "sk_test_of_these_tests"
GOOD_CARD = "4242424242424242"
BAD_CARD = "4000000000000002"


@dataclass
class BusinessClock:
    """The machine's time, with a business time that a test moves ahead."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return self.real_now() + self.ahead

    def real_now(self) -> datetime:
        return datetime.now(UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def a_customer(**claims: Any) -> Caller:
    account_id = new_id("acct", at=datetime.now(UTC))
    return Caller(account_id, "customer", **{"tier": "verified", "ip": "203.0.113.7", **claims})


OPERATOR = Caller("acct_operator", "operator")


@dataclass(frozen=True)
class Shop:
    """Billing with what stands around it, as a customer's gateway and Stripe reach it."""

    http: httpx.AsyncClient
    billing: Billing
    sandbox_url: str
    clock: BusinessClock

    async def checkout(
        self, buyer: Caller, credits: Any = 5000, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = headers_for(buyer, "billing") | ({"idempotency-key": key} if key else {})
        return await self.http.post("/api/v1/credits/checkout", json={"credits": credits, **more}, headers=headers)

    async def get(self, caller: Caller, path: str) -> httpx.Response:
        return await self.http.get(path, headers=headers_for(caller, "billing"))

    async def post(self, caller: Caller, path: str) -> httpx.Response:
        return await self.http.post(path, headers=headers_for(caller, "billing"))

    async def payment(self, buyer: Caller, payment_id: str) -> dict[str, Any]:
        answer = await self.get(buyer, f"/api/v1/payments/{payment_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def pay(self, checkout_url: str, number: str = GOOD_CARD, **more: str) -> httpx.Response:
        form = {"number": number, "exp": "12/40", "cvc": "123", "name": "Ada Lovelace", **more}
        return await self.http.post(checkout_url, data=form)

    async def balance(self, account_id: str) -> int:
        """Millicredits of the account's wallet."""
        async with self.billing.database.transaction() as connection:
            found = await connection.exec_driver_sql(
                "SELECT coalesce(sum(balance), 0)::bigint FROM wallets WHERE account_id = $1", (account_id,)
            )
            balance: int = found.scalar_one()
            return balance

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        async with self.billing.database.transaction() as connection:
            return list(await connection.exec_driver_sql(sql, values))

    async def deliver(
        self, event: object, *, secret: str = WEBHOOK_SECRET, at: datetime | None = None
    ) -> httpx.Response:
        """An event as Stripe would send it."""
        body = json.dumps(event).encode()
        return await self.deliver_raw(body, sign(body, secret=secret, at=at or datetime.now(UTC)))

    async def deliver_raw(self, body: bytes, signature: str | bytes) -> httpx.Response:
        return await self.http.post(
            "/api/webhooks/stripe",
            content=body,
            headers={"stripe-signature": signature, "content-type": "application/json"},
        )

    async def sandbox_control(self, path: str, body: dict[str, Any]) -> None:
        answer = await self.http.post(f"{self.sandbox_url}{path}", json=body)
        assert answer.status_code == 200, answer.text

    async def wallet_becomes(self, account_id: str, millicredits: int, *, within_seconds: float = 5.0) -> None:
        async def there() -> bool:
            return await self.balance(account_id) == millicredits

        await eventually(there, within_seconds=within_seconds)

    async def all_events_done(self, count: int) -> None:
        """Wait until so many of Stripe's events are stored and none waits."""

        async def done() -> bool:
            rows = await self.rows("SELECT status FROM webhook_events")
            return len(rows) >= count and not {row.status for row in rows} & {"received", "failed"}

        await eventually(done)


def an_event(kind: str, about: dict[str, Any], *, event_id: str | None = None, **more: Any) -> dict[str, Any]:
    """An event of Stripe's around an object."""
    return {
        "id": event_id or new_id("evt", at=datetime.now(UTC)),
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "type": kind,
        "data": {"object": about},
        "request": {"id": None, "idempotency_key": None},
        **more,
    }


def session_id_of(checkout_url: str) -> str:
    return checkout_url.rsplit("/", 1)[-1]


OpenShop = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def open_shop(settings_for: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenShop:
    """`async with open_shop(run_workers=False, fraud_away=True)`: settings of billing's, beside a few switches. No
    plan is made unless a test names it, and no loop looks for what is old enough to be forgotten."""
    monkeypatch.setattr(
        billing_app, "loops", lambda billing: [each for each in loops(billing) if not each.name.startswith("forget")]
    )

    @contextlib.asynccontextmanager
    async def opened(*, fraud_away: bool = False, **overrides: Any) -> AsyncIterator[Shop]:
        watch = Watch()
        async with contextlib.AsyncExitStack() as stack:
            port = free_port()
            sandbox_port = free_port()
            sandbox_url = f"http://127.0.0.1:{sandbox_port}"
            sandbox = create_sandbox(
                SandboxSettings(
                    data_file=tmp_path / "stripe.sqlite3",
                    public_url=sandbox_url,
                    webhook_url=f"http://127.0.0.1:{port}/api/webhooks/stripe",
                    webhook_secret=WEBHOOK_SECRET,
                )
            )
            fraud_url = f"http://127.0.0.1:{free_port()}"
            if not fraud_away:
                fraud_url = await stack.enter_async_context(running(create_fraud(settings_for("fraud"))))
            clock = BusinessClock()
            settings = settings_for(
                "billing",
                **{
                    "stripe_secret_key": SECRET_KEY,
                    "stripe_webhook_secret": WEBHOOK_SECRET,
                    "stripe_api_base": sandbox_url,
                    "fraud_url": fraud_url,
                    "license_plan_id": "",
                    **overrides,
                },
            )
            app = create_billing(settings, clock=clock)
            url = await stack.enter_async_context(running(watch.receiver(app), port=port))
            await stack.enter_async_context(running(watch.sandbox(sandbox), port=sandbox_port))
            client = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False, event_hooks=held_to("billing"))
            http = await stack.enter_async_context(client)
            yield Shop(http, app.state.service, sandbox_url, clock)
        watch.verify()

    return opened


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    async with open_shop() as opened:
        yield opened
