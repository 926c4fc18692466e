"""The sandbox over real HTTP on loopback, spoken to by the real SDK, with a receiver for its webhooks.

All that passes, the webhooks too, is held to Stripe's contract: a test that saw it broken fails at its end.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.stripe_sandbox.app import create_app
from deploy.stripe_sandbox.settings import Settings
from tests.support.stripe_contract import Watch

SECRET = "whsec_for_tests_only"
KEY = "sk_test_for_tests_only"
DEADLINE_SECONDS = 10.0

# The SDK hands its form to httpx as `data=`, which httpx 0.28 deprecates.
sdk_warning = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


async def eventually(fact: Callable[[], Any], within: float = DEADLINE_SECONDS) -> Any:
    """Waits until `fact()` is true and answers it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while not (found := fact()):
        assert loop.time() < until, "it did not come to pass in time"
        await asyncio.sleep(0.01)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def served(app: Any, port: int) -> AsyncIterator[str]:
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    task = asyncio.create_task(server.serve())
    await eventually(lambda: server.started or task.done())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Receiver:
    """Keeps every webhook that comes and verifies it as any user of Stripe's would.

    Answers 500 as often as `fail` says.
    """

    url: str = ""
    fail: int = 0
    attempts: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def of(self, event_type: str) -> list[Any]:
        return [event for event in self.events if event.type == event_type]

    async def receive(self, request: Request) -> Response:
        body, signature = await request.body(), request.headers["stripe-signature"]
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        self.attempts.append(event.id)
        self.signatures.append(signature)
        if self.fail > 0:
            self.fail -= 1
            return Response(status_code=500)
        self.events.append(event)
        return Response(status_code=200)


@dataclass(frozen=True)
class Running:
    """A sandbox that runs: the SDK's client, plain HTTP, and what its webhook received."""

    url: str
    stripe: stripe.StripeClient
    http: httpx.AsyncClient
    received: Receiver
    data_file: Path

    async def session(self, *, amount: int = 500, currency: str = "usd", **more: Any) -> Any:
        params: dict[str, Any] = {
            "mode": "payment",
            "success_url": "http://127.0.0.1:9/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:9/left",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": currency,
                        "unit_amount": amount,
                        "product_data": {"name": "5,000 credits"},
                    },
                }
            ],
            "metadata": {"payment_id": "pay_1"},
            **more,
        }
        return await self.stripe.v1.checkout.sessions.create_async(params)

    async def pay(self, session: Any, number: str = "4242424242424242", **more: str) -> httpx.Response:
        form = {"number": number, "exp": "12/40", "cvc": "123", "name": "Ada Lovelace", **more}
        return await self.http.post(f"{self.url}/c/pay/{session.id}", data=form)


def sdk_client(url: str) -> stripe.StripeClient:
    transport = stripe.HTTPXClient(timeout=10, verify_ssl_certs=False)
    return stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=transport, max_network_retries=0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What these tell of the sandbox over HTTP is also told by its contract, its unit tests and all that billing does
    with it, so `make test` leaves them to `make test-long`."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.long)


@pytest.fixture
async def received() -> AsyncIterator[Receiver]:
    receiver, watch = Receiver(), Watch()
    app = Starlette(routes=[Route("/hook", receiver.receive, methods=["POST"])])
    async with served(watch.receiver(app), free_port()) as url:
        receiver.url = f"{url}/hook"
        yield receiver
    watch.verify()


@asynccontextmanager
async def running_sandbox(data_file: Path, received: Receiver) -> AsyncIterator[Running]:
    port = free_port()
    settings = Settings(
        data_file=data_file,
        public_url=f"http://127.0.0.1:{port}",
        webhook_url=received.url,
        webhook_secret=SECRET,
    )
    watch = Watch()
    async with served(watch.sandbox(create_app(settings)), port) as url, httpx.AsyncClient(timeout=10) as http:
        yield Running(url, sdk_client(url), http, received, data_file)
    watch.verify()


@pytest.fixture
async def sandbox(tmp_path: Path, received: Receiver) -> AsyncIterator[Running]:
    async with running_sandbox(tmp_path / "stripe.sqlite3", received) as running:
        yield running
