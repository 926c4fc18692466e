"""Licensing over real HTTP, with licenses and keys made as its use cases make them, in a test's own business time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.licensing.app import create_app
from services.licensing.domain.license import BillingState, License, LicenseId, Origin
from services.licensing.domain.license_step import Action, Cause, CauseKind
from services.licensing.service import Licensing
from services.licensing.store import licenses
from services.licensing.use_cases.changing import begin, change
from services.licensing.use_cases.license_keys import mint
from shared.ids import new_id
from shared.service_auth import Caller
from tests.support.described import held_to
from tests.support.http import running
from tests.support.keys import headers_for, service_headers

DAY = timedelta(days=1)
OPERATOR = Caller("acct_operator", "operator")
_CAUSE = Cause(CauseKind.OPERATOR, "acct_operator")


@dataclass
class BusinessClock:
    """The machine's time, with a business time that a test moves ahead."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return self.real_now() + self.ahead

    def real_now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class Held:
    """A license and its key, as a customer has them."""

    id: str
    key: str
    owner: Caller


@dataclass(frozen=True)
class Office:
    """Licensing as the gateway reaches it."""

    http: httpx.AsyncClient
    licensing: Licensing
    clock: BusinessClock

    async def license(self, **more: Any) -> Held:
        """A new one: paid for 30 days, with 3 days of grace and one seat, unless said otherwise."""
        now = self.clock.now()
        owner = Caller(new_id("acct", at=now), "customer", tier="verified", ip="203.0.113.7")
        values: dict[str, Any] = {
            "billing_state": BillingState.GOOD,
            "expires_at": now + 30 * DAY,
            "grace_seconds": 259_200,
            "subscription_id": new_id("sub", at=now),
            **more,
        }
        license = License(
            LicenseId(new_id("lic", at=now)),
            owner.account_id,
            "license-monthly",
            Origin.SUBSCRIPTION,
            now,
            customer_ref="cus_1",
            subscription_ref="sub_1",
            **values,
        )
        async with self.licensing.database.transaction() as connection:
            await begin(connection, license, _CAUSE)
            key = await mint(self.licensing, connection, license)
        return Held(license.id, key.printed(), owner)

    async def changed(self, held: Held, action: Action, alter: Callable[[License], License]) -> None:
        """The license as somebody else, billing or an operator, changes it."""
        async with self.licensing.database.transaction() as connection:
            license = await licenses.locked(connection, held.id)
            assert license is not None
            await change(connection, alter(license), action, _CAUSE, at=self.clock.now())
        await self.licensing.announce()

    async def bear(
        self, what: str, key: str, server_id: str, *, ip: str = "203.0.113.7", **more: Any
    ) -> httpx.Response:
        """`activate`, `deactivate` or `heartbeat`, as a server does it through the gateway."""
        return await self.http.post(
            f"/api/v1/licenses/{what}",
            json={"license_key": key, "server_id": server_id, **more},
            headers={**service_headers("licensing"), "x-tollgate-caller-ip": "203.0.113.7"},
        )

    async def transfer(self, key: str, leaving: str, coming: str, **more: Any) -> httpx.Response:
        return await self.http.post(
            "/api/v1/licenses/activations/transfer",
            json={"license_key": key, "from_server_id": leaving, "to_server_id": coming, **more},
            headers={**service_headers("licensing"), "x-tollgate-caller-ip": "203.0.113.7"},
        )

    async def as_account(self, caller: Caller, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**headers_for(caller, "licensing"), **more.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **more)

    async def verdict(self, key: str, server_id: str, **more: Any) -> str:
        """What validation says once every cache has heard of what was done."""
        await self.licensing.feed.poll()
        answer = await self.http.post(
            "/api/v1/licenses/validate",
            json={"license_key": key, "server_id": server_id, **more},
            headers={**service_headers("licensing"), "x-tollgate-caller-ip": "203.0.113.9"},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["code"])

    async def open_rows(self, held: Held) -> list[Any]:
        """Activations that nobody has ended."""
        async with self.licensing.database.transaction() as connection:
            found = await connection.exec_driver_sql(
                "SELECT id, server_id, lease_until FROM activations"
                " WHERE license_id = $1 AND deactivated_at IS NULL ORDER BY seq",
                (held.id,),
            )
            return list(found)


def seat_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["activation"]
    return found


def refused_with(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    return problem


def verdict_of(answer: httpx.Response) -> str:
    """The code of the verdict that an invalid license is refused with."""
    verdict = refused_with(answer, 403, "license_invalid")["verdict"]
    assert verdict["valid"] is False and verdict["detail"]
    return str(verdict["code"])


@pytest.fixture
def clock() -> BusinessClock:
    return BusinessClock()


@contextlib.asynccontextmanager
async def opened_office(settings: Any, clock: BusinessClock) -> AsyncIterator[Office]:
    app = create_app(settings, clock=clock)
    async with (
        running(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, event_hooks=held_to("licensing"), timeout=20) as http,
    ):
        yield Office(http, app.state.service, clock)


@pytest.fixture
async def office(settings_for: Callable[..., Any], clock: BusinessClock) -> AsyncIterator[Office]:
    """With limits that no test meets."""
    settings = settings_for("licensing", validations_per_minute_address=10_000, validations_per_minute_key=1_000)
    async with opened_office(settings, clock) as made:
        yield made


async def at_once(*asked: Any) -> list[httpx.Response]:
    return list(await asyncio.gather(*asked))
