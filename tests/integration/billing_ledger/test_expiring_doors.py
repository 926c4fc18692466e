"""An operator's grant that expires, over real HTTP."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.billing.app import create_app
from shared.clock import FixedClock, SystemClock
from tests.integration.billing_ledger.test_doors import CUSTOMER, Ledger, charge, gateway_that_knows
from tests.support.http import running

HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(SystemClock().now())


@pytest.fixture
async def ledger(settings_for: Callable[..., Any], clock: FixedClock) -> AsyncIterator[Ledger]:
    async with running(gateway_that_knows(CUSTOMER.account_id)) as gateway_url:
        settings = settings_for("billing", gateway_url=gateway_url, run_workers=False)
        app = create_app(settings, clock=clock)
        async with running(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
            yield Ledger(http)


async def test_a_grant_says_when_it_expires_and_then_is_gone(ledger: Ledger, clock: FixedClock) -> None:
    def after(hours: int) -> str:
        return (clock.now() + hours * HOUR).isoformat()

    first, second = after(1), after(2)
    for credits, expires_at in ((5, second), (3, first), (10, None)):
        body = {"credits": credits, "reason": "Welcome", "expires_at": expires_at}
        assert (await ledger.admin("grants", body)).status_code == 201
    await ledger.post_items(charge(4_000))
    read = (await ledger.get("/api/v1/credits")).json()
    assert [each["credits"] for each in read["expiring"]] == [4], "the soonest to expire was burnt first"
    clock.advance(2 * HOUR)
    late = (await ledger.post_items(charge(10_001)))[0]
    assert (late["verdict"], late["available"]) == ("insufficient_credits", 10_000)
    read = (await ledger.get("/api/v1/credits")).json()
    assert (read["credits"], read["expiring"]) == (10, [])
    newest = (await ledger.get("/api/v1/credits/transactions?limit=1")).json()["data"][0]
    assert (newest["type"], newest["credits"], newest["balance_after"]) == ("expiry", -4, 10)


async def test_a_grant_that_would_have_expired_already_is_refused(ledger: Ledger, clock: FixedClock) -> None:
    body = {"credits": 5, "reason": "Welcome", "expires_at": clock.now().isoformat()}
    refused = await ledger.admin("grants", body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/expires_at"
