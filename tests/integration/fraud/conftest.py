"""Fraud on a real port, over its own schema, with a clock that stands still."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.datastructures import State

from services.fraud.app import create_app
from services.fraud.service import Fraud
from services.fraud.settings import Settings
from shared.clock import FixedClock
from shared.ids import new_id
from shared.service_auth import Caller
from tests.support.described import held_to
from tests.support.http import running
from tests.support.keys import headers_for, service_headers

NOW = datetime(2027, 1, 1, tzinfo=UTC)
BLACKLIST = "/api/v1/admin/blacklist"
ASSESSMENTS = "/internal/v1/assessments"
OPERATOR = Caller(new_id("acct", at=NOW, entropy=b"operator--"), "operator")
CUSTOMER = Caller(new_id("acct", at=NOW, entropy=b"customer--"), "customer")


@dataclass
class Desk:
    """Fraud as its callers meet it; `fraud` is what stands behind the port."""

    http: httpx.AsyncClient
    fraud: Fraud
    clock: FixedClock
    state: State
    operator: dict[str, str] = field(default_factory=lambda: headers_for(OPERATOR, "fraud"))

    async def add(self, kind: str, value: str, **fields: Any) -> httpx.Response:
        body = {"kind": kind, "value": value, "reason": "chargebacks", **fields}
        return await self.http.post(BLACKLIST, json=body, headers=self.operator)

    async def listed(self, query: str = "") -> list[dict[str, Any]]:
        answer = await self.http.get(f"{BLACKLIST}{query}", headers=self.operator)
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert isinstance(data, list)
        return data

    async def assess(self, **facts: Any) -> httpx.Response:
        body = {
            "payment_id": new_id("pay", at=NOW),
            "account_id": CUSTOMER.account_id,
            "kind": "credits",
            "amount_usd_minor": 500,
            "currency": "usd",
            "ip": "198.51.100.9",
            "device_id": None,
            "email_hash": None,
            "domain_hash": None,
            "card_fingerprint": None,
            **facts,
        }
        return await self.http.post(ASSESSMENTS, json=body, headers=service_headers("fraud", "billing"))


@pytest.fixture
async def desk(settings_for: Callable[..., Settings]) -> AsyncIterator[Desk]:
    app = create_app(settings_for("fraud", run_workers=False))
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(running(app))
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, trust_env=False, event_hooks=held_to("fraud"))
        )
        clock = FixedClock(NOW)
        app.state.service = replace(app.state.service, clock=clock)
        yield Desk(http, app.state.service, clock, app.state)
