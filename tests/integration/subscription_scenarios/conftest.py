"""Billing and licensing together: what Stripe tells billing ends in a license's verdict.

Both run over one PostgreSQL server and in one business time. Licensing reads billing's feed over HTTP, as in the
running stack; the gateway is a stand-in that keeps the mails it is handed. `Both.work` does all that is to be done by
now.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from services.licensing.app import create_app
from services.licensing.events.billing import reader
from services.licensing.service import Licensing
from services.licensing.use_cases.welcome import add_key
from shared import mails
from shared.outbox import number_committed
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OPERATOR, open_shop  # noqa: F401
from tests.integration.billing_subscriptions.conftest import Club, Member, club  # noqa: F401
from tests.support.http import running
from tests.support.keys import headers_for, service_headers

SERVER = "web-1"

halves_are_proved = pytest.mark.long(reason="each half is proved by itself too, in the tests of its service")


@dataclass
class Post:
    """The gateway's door for mails: each that was handed over, as often as it was, by message id and template."""

    handed: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.put("/internal/v1/mails/{message_id}")
        async def put(message_id: str, request: Request) -> Response:
            body = await request.json()
            self.handed.append((message_id, body["template"], body["values"]))
            return Response("{}", status_code=202, media_type="application/json")

        return app


@dataclass(frozen=True)
class Both:
    """`licensing` may be another process of it over the same database."""

    club: Club
    licensing: Licensing
    http: httpx.AsyncClient
    post: Post

    async def work(self) -> None:
        """All that is to be done by now, in billing first."""
        await self.club.work()
        await self.follow()

    async def follow(self) -> None:
        """Licensing hears what billing has told, and its caches of that."""
        while await number_committed(self.club.billing.database):
            pass
        while await reader(self.licensing).run_once():
            pass
        await self.licensing.feed.poll()

    async def hand_over(self) -> None:
        """Licensing's mails that are due."""
        add = partial(add_key, self.licensing)
        while await mails.hand_over_due(self.licensing.database, self.licensing.gateway, self.licensing.clock, add):
            pass

    async def joined(self, **more: Any) -> Member:
        member = await self.club.join(**more)
        await self.work()
        return member

    async def licenses(self, account_id: str) -> list[dict[str, Any]]:
        """With their keys, the newest first."""
        headers = headers_for(Caller(account_id, "customer", tier="verified"), "licensing")
        listed = (await self.http.get("/api/v1/licenses", headers=headers)).json()["data"]
        return [(await self.http.get(f"/api/v1/licenses/{each['id']}", headers=headers)).json() for each in listed]

    async def key(self, member: Member) -> str:
        """Of the account's only license."""
        [license] = await self.licenses(member.account_id)
        key: str = license["key"]
        return key

    async def bear(self, what: str, key: str, server_id: str | None = None) -> httpx.Response:
        """`validate`, `activate` or `deactivate`, as a server asks through the gateway."""
        answer = await self.http.post(
            f"/api/v1/licenses/{what}",
            json={"license_key": key} | ({"server_id": server_id} if server_id else {}),
            headers={**service_headers("licensing"), "x-tollgate-caller-ip": "203.0.113.7"},
        )
        await self.licensing.feed.poll()
        return answer

    async def verdict(self, key: str, server_id: str | None = None) -> str:
        answer = await self.bear("validate", key, server_id)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])

    async def activate(self, key: str, server_id: str = SERVER) -> str:
        """The activation's id."""
        answer = await self.bear("activate", key, server_id)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["activation"]["id"])

    async def operate(self, license_id: str, deed: str) -> None:
        answer = await self.http.post(
            f"/api/v1/admin/licenses/{license_id}/{deed}", headers=headers_for(OPERATOR, "licensing")
        )
        assert answer.status_code == 200, answer.text

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        """Of licensing's schema."""
        async with self.licensing.database.transaction() as connection:
            return list(await connection.exec_driver_sql(sql, values))

    async def told(self, *kinds: str) -> list[dict[str, Any]]:
        """Everything that Stripe has told of subscriptions, or of these kinds of objects, the oldest first."""
        listed = (await self.club.stripe.events.list_async({"limit": 100})).to_dict()["data"]
        found: list[dict[str, Any]] = json.loads(json.dumps(listed, default=str))
        wanted = kinds or ("customer", "invoice", "checkout")
        return [event for event in reversed(found) if event["type"].split(".")[0] in wanted]

    async def deliver(self, *events: dict[str, Any]) -> None:
        """Each is heard, and dealt with by what it says alone, before the next."""
        for event in events:
            assert (await self.club.shop.deliver(event)).status_code == 200
            await self.club.hear()
        await self.follow()


OpenLicensing = Callable[..., AbstractAsyncContextManager[tuple[Licensing, httpx.AsyncClient]]]


@pytest.fixture
async def post() -> Post:
    return Post()


@pytest.fixture
async def open_licensing(
    club: Club,  # noqa: F811
    post: Post,
    settings_for: Callable[..., Any],
) -> AsyncIterator[OpenLicensing]:
    """`async with open_licensing() as (licensing, http)`: one process of it, whose loops the test runs."""
    async with running(post.app()) as gateway_url:

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[tuple[Licensing, httpx.AsyncClient]]:
            settings = settings_for(
                "licensing",
                run_workers=False,
                billing_url=str(club.shop.http.base_url),
                gateway_url=gateway_url,
                validations_per_minute_key=1_000,
                validations_per_minute_address=10_000,
            )
            app = create_app(settings, clock=club.shop.clock)
            async with running(app) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
                yield app.state.service, http

        yield opened


@pytest.fixture
async def both(club: Club, post: Post, open_licensing: OpenLicensing) -> AsyncIterator[Both]:  # noqa: F811
    async with open_licensing() as (licensing, http):
        yield Both(club, licensing, http, post)
