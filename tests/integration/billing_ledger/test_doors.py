"""The ledger's doors over real HTTP."""

from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from services.billing.app import create_app
from services.billing.domain.ledger.items import Call
from shared import ids
from shared.doors import StrictRoute, answer, guarded, install
from shared.errors import NotFound
from shared.service_auth import Caller, Verifier, public_key_of, service_required
from tests.integration.billing_ledger.asking import fresh
from tests.support.http import eventually, running
from tests.support.keys import SEEDS, headers_for, service_headers

CUSTOMER = Caller(ids.new_id("acct", at=datetime.now(UTC)), "customer")
STRANGER = Caller(ids.new_id("acct", at=datetime.now(UTC)), "customer")
OPERATOR = Caller(ids.new_id("acct", at=datetime.now(UTC)), "operator")


def gateway_that_knows(account_id: str) -> FastAPI:
    """The gateway's inner door, which is another service's."""
    app = FastAPI()
    app.state.verifier = Verifier("gateway", {name: public_key_of(seed) for name, seed in SEEDS.items()})
    install(app, trusts_request_id=True)

    router = APIRouter(route_class=StrictRoute)

    @router.get("/internal/v1/accounts/{asked}")
    @guarded(service_required)
    async def account(request: Request, asked: str) -> Response:
        if asked != account_id:
            raise NotFound("account")
        return answer({"id": asked})

    app.include_router(router)
    return app


@dataclass(frozen=True)
class Ledger:
    http: httpx.AsyncClient

    async def post_items(self, *items: dict[str, Any]) -> list[dict[str, Any]]:
        response = await self.http.post(
            "/internal/v1/ledger/postings", json={"items": items}, headers=service_headers("billing")
        )
        assert response.status_code == 200, response.text
        return list(response.json()["results"])

    async def get(self, path: str, caller: Caller = CUSTOMER) -> httpx.Response:
        return await self.http.get(path, headers=headers_for(caller, "billing"))

    async def admin(
        self, verb: str, body: Any, *, caller: Caller = OPERATOR, account: str = CUSTOMER.account_id, key: str = ""
    ) -> httpx.Response:
        headers = headers_for(caller, "billing") | ({"idempotency-key": key} if key else {})
        return await self.http.post(f"/api/v1/admin/accounts/{account}/{verb}", json=body, headers=headers)


@pytest.fixture
async def ledger(settings_for: Callable[..., Any]) -> AsyncIterator[Ledger]:
    async with running(gateway_that_knows(CUSTOMER.account_id)) as gateway_url:
        app = create_app(settings_for("billing", gateway_url=gateway_url))
        async with running(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as http:
            yield Ledger(http)


def usage(request_id: UUID | None = None, **units: int) -> dict[str, Any]:
    call = asdict(Call(request_id or fresh(), "echo", "key_1", 3))
    names = ("calls", "tokens", "units")
    counted = {name: units.get(name, call[name]) for name in names}
    kept = {name: value for name, value in call.items() if name not in names}
    return {**kept, "request_id": str(call["request_id"]), "units": counted}


def charge(amount: int, **more: Any) -> dict[str, Any]:
    item = {"op": "charge", "id": str(fresh()), "account_id": CUSTOMER.account_id, "amount": amount, "usage": usage()}
    return {**item, **more}


async def test_a_call_is_charged_told_of_and_listed(ledger: Ledger) -> None:
    assert (await ledger.admin("grants", {"credits": 5, "reason": "Welcome"})).status_code == 201
    item = charge(1_234)
    [result] = await ledger.post_items(item)
    assert result == {"verdict": "posted", "charged": 1_234, "held": 0, "available": 3_766, "balance": 3_766}
    request_id = item["usage"]["request_id"]
    told = await ledger.http.post(
        "/internal/v1/usage/outcomes",
        json={
            "items": [
                {
                    "account_id": CUSTOMER.account_id,
                    "request_id": request_id,
                    "outcome": "delivered",
                    "latency_ms": 12,
                }
            ]
        },
        headers=service_headers("billing"),
    )
    assert told.status_code == 204
    public = ids.encode("req", UUID(request_id))
    call = (await ledger.get(f"/api/v1/usage/requests/{public}")).json()
    assert call.pop("created_at") and call == {
        "request_id": public,
        "route": "echo",
        "key_id": "key_1",
        "units": {"calls": 1, "tokens": 0, "units": 0},
        "price_version": 3,
        "held": 0,
        "credits": 1.234,
        "outcome": "delivered",
        "flagged": False,
        "latency_ms": 12,
        "hold": None,
        "transaction": None,
        "reversal": None,
        "sealed_at": None,
    }
    assert (await ledger.get(f"/api/v1/usage/requests/{public}", STRANGER)).status_code == 404
    listed = (await ledger.get("/api/v1/credits/transactions")).json()
    assert [(entry["type"], entry["credits"], entry["balance_after"]) for entry in listed["data"]] == [
        ("charge", -1.234, 3.766), ("grant", 5, 5),
    ]  # fmt: skip
    assert listed["data"][0]["reference"] == public and listed["data"][1]["description"] == "Welcome"
    credits = (await ledger.get("/api/v1/credits")).json()
    assert credits == {
        "credits": 3.766,
        "held": 0,
        "available": 3.766,
        "currency_value": {"amount": 0, "currency": "usd"},
        "first_key_minimum": 5000,
        "expiring": [],
    }


async def test_a_running_calls_hold_is_seen_and_swept_by_the_services_own_loop(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 100, "reason": "Welcome"})
    held = {
        "op": "hold",
        "id": str(fresh()),
        "account_id": CUSTOMER.account_id,
        "amount": 60_000,
        "at_least": 1,
        "expires_in_ms": 300,
        "usage": usage(),
    }
    [result] = await ledger.post_items(held)
    assert (result["held"], result["available"]) == (60_000, 40_000)
    path = "/api/v1/usage/requests/" + ids.encode("req", UUID(held["usage"]["request_id"]))
    assert (await ledger.get(path)).json()["held"] == 60
    wallet = await ledger.http.get(f"/internal/v1/wallets/{CUSTOMER.account_id}", headers=service_headers("billing"))
    assert wallet.json() == {
        "account_id": CUSTOMER.account_id,
        "balance": 100_000,
        "held": 60_000,
        "available": 40_000,
        "frozen_reason": None,
        "standing": "good",
    }

    async def freed() -> bool:
        return bool((await ledger.get("/api/v1/credits")).json()["held"] == 0)

    await eventually(freed)
    assert (await ledger.get(path)).json()["credits"] == 0


async def test_transactions_are_paged_whole_and_their_sum_is_the_balance(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    await ledger.post_items(*(charge(100 + n) for n in range(9)))
    entries: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await ledger.get(f"/api/v1/credits/transactions?limit=4{after}")).json()
        entries += page["data"]
        if not page["has_more"]:
            assert page["next"] is None
            break
        after = f"&after={page['next']}"
    assert len(entries) == len({entry["id"] for entry in entries}) == 10
    balance = (await ledger.get("/api/v1/credits")).json()["credits"]
    assert round(sum(entry["credits"] for entry in entries) * 1_000) == round(balance * 1_000)
    assert entries[0]["balance_after"] == balance
    for cursor in ("txn_00000000000000000000000000", "nonsense", "acct_" + "0" * 26):
        refused = await ledger.get(f"/api/v1/credits/transactions?after={cursor}")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor")
    foreign = await ledger.get(f"/api/v1/credits/transactions?after={entries[0]['id']}", STRANGER)
    assert foreign.json()["code"] == "invalid_cursor"


async def test_usage_is_summed_by_day_hour_route_and_key(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    await ledger.post_items(charge(1_000, usage=usage(tokens=1_000)), charge(500, usage=usage(tokens=500)))
    today = datetime.now(UTC)
    buckets = {"day": today.date().isoformat(), "hour": f"{today:%Y-%m-%dT%H}:00:00Z", "route": "echo", "key": "key_1"}
    for group_by, bucket in buckets.items():
        answer = await ledger.get(f"/api/v1/usage?group_by={group_by}")
        assert answer.json() == {"data": [{"bucket": bucket, "calls": 2, "tokens": 1_500, "credits": 1.5}]}
    day = today.date()
    past = await ledger.get(f"/api/v1/usage?from={day - timedelta(days=3)}&to={day - timedelta(days=1)}")
    assert past.json() == {"data": []}
    until_today = await ledger.get(f"/api/v1/usage?from={day}&to={day}")
    assert len(until_today.json()["data"]) == 1
    assert (await ledger.get("/api/v1/usage", STRANGER)).json() == {"data": []}


@pytest.mark.parametrize(
    "query",
    [
        "group_by=hour&from=0001-01-01&to=9999-12-31",
        "from=9999-12-31&to=9999-12-31",
        "to=0001-01-01",
        "from=2027-01-02&to=2027-01-01",
        "from=yesterday",
        "from=2027-01-01T00:00:00",
        "group_by=month",
    ],
)
async def test_a_senseless_period_is_refused(ledger: Ledger, query: str) -> None:
    answer = await ledger.get(f"/api/v1/usage?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_a_grant_is_given_once_for_one_idempotency_key(ledger: Ledger) -> None:
    first = await ledger.admin("grants", {"credits": 0.5, "reason": "Sorry"}, key="a")
    again = await ledger.admin("grants", {"credits": 0.5, "reason": "Sorry"}, key="a")
    other = await ledger.admin("grants", {"credits": 0.6, "reason": "Sorry"}, key="a")
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.json()["code"] == "idempotency_key_reused"
    assert (first.json()["type"], first.json()["credits"], first.json()["balance_after"]) == ("grant", 0.5, 0.5)
    assert (await ledger.get("/api/v1/credits")).json()["credits"] == 0.5


async def test_a_debit_past_zero_is_a_conflict_and_its_key_may_be_used_again(ledger: Ledger) -> None:
    body = {"credits": 3, "reason": "Abuse"}
    refused = await ledger.admin("debits", body, key="d")
    assert (refused.status_code, refused.json()["code"]) == (409, "insufficient_credits")
    assert (refused.json()["credits"], refused.json()["required"]) == (0, 3)
    await ledger.admin("grants", {"credits": 3, "reason": "Welcome"})
    taken = await ledger.admin("debits", body, key="d")
    assert (taken.status_code, taken.json()["credits"], taken.json()["balance_after"]) == (201, -3, 0)


async def test_grants_refuse_in_order_customers_unknown_accounts_and_senseless_bodies(ledger: Ledger) -> None:
    good = {"credits": 1, "reason": "Welcome"}
    assert (await ledger.admin("grants", good, caller=CUSTOMER)).json()["code"] == "forbidden"
    for unknown in (STRANGER.account_id, "acct_nobody", "nonsense"):
        refused = await ledger.admin("grants", {"credits": -1}, account=unknown)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    changes = ({"credits": 0}, {"credits": -1}, {"credits": 0.0001}, {"credits": "5"}, {"credits": 10**13},
               {"reason": ""}, {"account_id": "acct_x"}, {"expires_at": past}, {"expires_at": 5})  # fmt: skip
    for change in changes:
        refused = await ledger.admin("grants", good | change)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), change
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert (await ledger.admin("grants", good | {"expires_at": soon})).status_code == 201


async def test_the_book_is_proved_to_operators_only(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    await ledger.post_items(charge(1_000))
    proof = await ledger.get("/api/v1/admin/ledger/verify", OPERATOR)
    assert proof.json() == {
        "balanced": True,
        "sealed": True,
        "trial_balance": 0,
        "differences": [],
        "checked": {"wallets": 1, "transfers": 2},
        "money": {"checked": 0, "waiting": []},
    }
    assert (await ledger.get("/api/v1/admin/ledger/verify")).status_code == 403


async def test_inner_doors_take_services_only_and_whole_items(ledger: Ledger) -> None:
    for path in ("/internal/v1/ledger/postings", "/internal/v1/usage/outcomes"):
        assert (await ledger.http.post(path, json={"items": []})).status_code == 401
        as_customer = await ledger.http.post(path, json={"items": []}, headers=headers_for(CUSTOMER, "billing"))
        assert as_customer.status_code == 401
    bad = (
        {"items": []},
        {"items": [charge(1)] * 257},
        {"items": [charge(-1)]},
        {"items": [charge(1, op="steal")]},
        {"items": [charge(1, id="nonsense")]},
        {"items": [charge(10**16)]},
        {"items": [charge(1, extra=1)]},
    )
    for body in bad:
        refused = await ledger.http.post("/internal/v1/ledger/postings", json=body, headers=service_headers("billing"))
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), body


async def test_credits_that_nobody_will_spend_are_booked_as_breakage(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 9, "reason": "Welcome"})
    refused = await ledger.admin("debits", {"credits": 1, "reason": "Asleep", "as": "theft"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/as")
    taken = await ledger.admin("debits", {"credits": 4, "reason": "Asleep", "as": "breakage"})
    assert (taken.status_code, taken.json()["type"], taken.json()["balance_after"]) == (201, "breakage", 5)
    past_zero = await ledger.admin("debits", {"credits": 6, "reason": "Asleep", "as": "breakage"})
    assert (past_zero.status_code, past_zero.json()["code"]) == (409, "insufficient_credits")
    report = await ledger.get("/api/v1/admin/reports/revenue", OPERATOR)
    assert report.json()["profit"]["breakage"] == [{"micros": 4_000, "decimal": "0.004000", "currency": "usd"}]


async def test_reports_are_for_operators_and_of_a_period_that_makes_sense(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    for report in ("revenue", "trial-balance"):
        assert (await ledger.get(f"/api/v1/admin/reports/{report}")).status_code == 403
    for query in ("revenue?from=2027-02-01&to=2027-01-01", "revenue?currency=usd1", "trial-balance?at=soon"):
        refused = await ledger.get(f"/api/v1/admin/reports/{query}", OPERATOR)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), query
    balance = (await ledger.get("/api/v1/admin/reports/trial-balance", OPERATOR)).json()
    nothing = {"micros": 0, "decimal": "0.000000", "currency": "usd"}
    ten = {"micros": 10_000, "decimal": "0.010000", "currency": "usd"}
    minus_ten = {"micros": -10_000, "decimal": "-0.010000", "currency": "usd"}
    assert balance["balanced"] and balance["accounts"] == [
        {"ledger_account": "wallet", "nature": "liability", "currency": "usd", "debit": nothing, "credit": ten,
         "balance": minus_ten},
        {"ledger_account": "promotions", "nature": "expense", "currency": "usd", "debit": ten, "credit": nothing,
         "balance": ten},
    ]  # fmt: skip
    assert balance["totals"] == [{"currency": "usd", "debit": ten, "credit": ten, "balance": nothing}]
    long_ago = (await ledger.get("/api/v1/admin/reports/trial-balance?at=2020-01-01", OPERATOR)).json()
    assert long_ago["accounts"] == [] and long_ago["balanced"]


async def test_operators_see_who_gave_and_took_and_why(ledger: Ledger) -> None:
    given = await ledger.admin("grants", {"credits": 10, "reason": "Welcome"}, key="ticket-1")
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"}, key="ticket-1")
    await ledger.post_items(charge(1_000))
    taken = await ledger.admin("debits", {"credits": 2, "reason": "Mistake", "as": "breakage"})
    assert (await ledger.admin("debits", {"credits": 100, "reason": "Too much"})).status_code == 409
    path = f"/api/v1/admin/accounts/{CUSTOMER.account_id}/transactions"
    listed = (await ledger.get(path, OPERATOR)).json()["data"]
    own = (await ledger.get("/api/v1/credits/transactions")).json()["data"]
    assert [(each["type"], each["description"], each["made_by"]) for each in listed] == [
        ("breakage", "Mistake", OPERATOR.account_id),
        ("charge", "Call of echo", None),
        ("grant", "Welcome", OPERATOR.account_id),
    ]
    assert [{**each, "made_by": None} for each in listed] == [{**each, "made_by": None} for each in own]
    assert all("made_by" not in each for each in own)
    second = await ledger.get(f"{path}?limit=1&after={listed[0]['id']}", OPERATOR)
    assert (second.json()["data"], second.json()["has_more"]) == ([listed[1]], True)
    assert (await ledger.get(path)).status_code == 403
    nobodys = await ledger.get(path.replace(CUSTOMER.account_id, STRANGER.account_id), OPERATOR)
    assert nobodys.status_code == 404

    audited = (await ledger.http.get("/internal/v1/audit", headers=service_headers("billing"))).json()["data"]
    assert [(line["action"], line["actor"], line["subject"], line["details"]) for line in audited] == [
        (
            "credits.debited",
            OPERATOR.account_id,
            taken.json()["id"],
            {"account_id": CUSTOMER.account_id, "millicredits": 2_000, "kind": "breakage"},
        ),
        (
            "credits.granted",
            OPERATOR.account_id,
            given.json()["id"],
            {"account_id": CUSTOMER.account_id, "millicredits": 10_000, "expires_at": None},
        ),
    ]
    assert [line["request_id"] for line in audited] == [each.headers["x-request-id"] for each in (taken, given)]
