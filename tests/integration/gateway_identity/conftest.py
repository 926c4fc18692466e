"""The gateway over real HTTP, PostgreSQL and Redis; billing is a small application that answers the wallet contract."""

import asyncio
import email
import email.policy
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.gateway.app import create_app
from services.gateway.service import Gateway
from services.gateway.use_cases.operators import ensure_operator
from shared.contracts import audit
from shared.service_auth import Verifier, public_key_of
from tests.support import keys
from tests.support.described import held_to
from tests.support.http import running

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


STANDINGS = {None: "good", "negative_balance": "negative_balance", "dispute": "disputed"}


LICENSING, FRAUD = "/licensing", "/fraud"
"""Where the same small application answers for licensing, which has done nothing, and for fraud."""


@dataclass
class Billing:
    """Wallets by account, as billing would tell of them; `default` is everyone else's. `trail` is its audit trail,
    newest first, and `frauds_trail` fraud's; `news` are its events."""

    url: str = ""
    available: dict[str, int] = field(default_factory=dict)
    default: int = 0
    frozen: dict[str, str] = field(default_factory=dict)
    status: int = 200
    answers_after_seconds: float = 0.0
    asked: int = 0
    asking: int = 0
    most_at_once: int = 0
    trail: list[audit.Line] = field(default_factory=list)
    frauds_trail: list[audit.Line] = field(default_factory=list)
    news: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        verifier = Verifier("billing", {"gateway": public_key_of(keys.SEEDS["gateway"])})

        async def wallet(request: Request) -> Response:
            self.asked += 1
            self.asking += 1
            self.most_at_once = max(self.most_at_once, self.asking)
            await asyncio.sleep(self.answers_after_seconds)
            self.asking -= 1
            caller = verifier.verify(request.headers["authorization"].removeprefix("Bearer "))
            assert caller.role == "service"
            account_id = request.path_params["account_id"]
            available = self.available.get(account_id, self.default)
            state = {
                "account_id": account_id,
                "balance": available,
                "held": 0,
                "available": available,
                "frozen_reason": self.frozen.get(account_id),
                "standing": STANDINGS[self.frozen.get(account_id)],
            }
            return JSONResponse(state, self.status)

        async def trail(request: Request) -> Response:
            return JSONResponse(_page(self.trail, request), self.status)

        async def frauds_trail(request: Request) -> Response:
            return JSONResponse(_page(self.frauds_trail, request))

        async def licensings_trail(_request: Request) -> Response:
            return JSONResponse({"data": [], "knows_after": False})

        async def news(request: Request) -> Response:
            after = int(request.query_params["after"])
            return JSONResponse({"events": [event for event in self.news if event["position"] > after]})

        routes = [
            Route("/internal/v1/wallets/{account_id}", wallet),
            Route("/internal/v1/events", news),
            Route(audit.PATH, trail),
            Route(f"{LICENSING}{audit.PATH}", licensings_trail),
            Route(f"{FRAUD}{audit.PATH}", frauds_trail),
        ]
        return Starlette(routes=routes)


def _page(trail: list[audit.Line], request: Request) -> audit.Lines:
    after, limit = request.query_params.get("after"), int(request.query_params["limit"])
    lines = [line for line in trail if after is None or line["id"] < after]
    return {"data": lines[:limit], "knows_after": any(line["id"] == after for line in trail)}


@dataclass
class Customer:
    """A registered account and a client that is signed in as it."""

    id: str
    email: str
    token: str
    http: httpx.AsyncClient

    async def make_key(self, **body: Any) -> dict[str, Any]:
        made = await self.http.post("/api/v1/auth/api-key", json={"name": "test", **body})
        assert made.status_code == 201, made.text
        result: dict[str, Any] = made.json()
        return result


@dataclass
class World:
    """A running gateway and what tests do with it."""

    url: str
    gateway: Gateway
    billing: Billing
    http: httpx.AsyncClient
    stack: AsyncExitStack

    async def client(self, **headers: str) -> httpx.AsyncClient:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.stack.enter_async_context(
            httpx.AsyncClient(base_url=self.url, headers=named, timeout=20, event_hooks=held_to("gateway"))
        )

    async def register(self, email: str | None = None, **body: Any) -> Customer:
        address = email or f"customer{next(_numbers)}@example.com"
        made = await self.http.post(
            "/api/v1/auth/register", json={"email": address, "password": PASSWORD, "name": "Ada", **body}
        )
        assert made.status_code == 201, made.text
        token = made.json()["token"]
        return Customer(
            made.json()["account"]["id"], address, token, await self.client(authorization=f"Bearer {token}")
        )

    async def operator(self) -> Customer:
        address = f"operator{next(_numbers)}@example.com"
        account = await ensure_operator(self.gateway, email=address, password=PASSWORD)
        made = await self.http.post("/api/v1/auth/login", json={"email": address, "password": PASSWORD})
        token = made.json()["token"]
        client = await self.client(authorization=f"Bearer {token}")
        return Customer(account.identity.account_id, address, token, client)


@pytest.fixture
async def make_world(settings_for: Callable[..., Any]) -> AsyncIterator[Callable[..., Any]]:
    """`await make_world(login_failures_per_email=3)`: a gateway of its own on this test's database."""
    async with AsyncExitStack() as stack:

        async def make(billing: Billing | None = None, **overrides: Any) -> World:
            wallets = billing or Billing()
            if not wallets.url:
                wallets.url = await stack.enter_async_context(running(wallets.app()))
            quick = {"password_memory_kib": 8192, "password_passes": 1}
            siblings = {
                "billing_url": wallets.url,
                "licensing_url": wallets.url + LICENSING,
                "fraud_url": wallets.url + FRAUD,
            }
            app = create_app(settings_for("gateway", **{**siblings, **quick, **overrides}))
            url = await stack.enter_async_context(running(app))
            client = await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=20, event_hooks=held_to("gateway"))
            )
            return World(url, app.state.service, wallets, client, stack)

        yield make


@pytest.fixture
async def world(make_world: Callable[..., Any]) -> World:
    made: World = await make_world()
    return made


@dataclass
class Catcher:
    """What an SMTP server took; `refuses` makes it refuse so many mails first."""

    mails: list[EmailMessage] = field(default_factory=list)
    refuses: int = 0
    port: int = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.refuses:
            self.refuses -= 1
            return "451 later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 OK"

    def to(self, address: str, subject: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address and mail["Subject"] == subject]


@pytest.fixture
async def catcher() -> AsyncIterator[Catcher]:
    caught = Catcher()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(caught, hostname="catcher.example", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    caught.port = server.sockets[0].getsockname()[1]
    yield caught
    server.close()
    await server.wait_closed()


@pytest.fixture
async def mailing(make_world: Callable[..., Any], catcher: Catcher) -> World:
    made: World = await make_world(smtp_host="127.0.0.1", smtp_port=catcher.port, public_url="https://tollgate.example")
    return made


def code_of(answer: httpx.Response) -> str:
    """The code of a problem document; its shape is checked on the way."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["x-request-id"]
    return str(problem["code"])
