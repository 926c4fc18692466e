from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.gateway.domain.api_key import presented
from services.gateway.use_cases.operators import ensure_operator
from shared.contracts.audit import Line
from shared.ids import new_id
from tests.integration.gateway_identity.conftest import PASSWORD, Billing, Customer, World, code_of
from tests.support.http import eventually


@pytest.fixture
async def operator(world: World) -> Customer:
    world.billing.default = 5_000_000
    return await world.operator()


async def test_accounts_are_listed_with_their_standing(world: World, operator: Customer) -> None:
    customers = [await world.register() for _ in range(3)]
    world.billing.frozen = {customers[0].id: "negative_balance", customers[1].id: "dispute"}
    listed = (await operator.http.get("/api/v1/admin/accounts?limit=100")).json()
    by_id = {account["id"]: account for account in listed["data"]}
    assert [by_id[customer.id]["standing"] for customer in customers] == ["negative_balance", "disputed", "good"]
    assert by_id[customers[0].id]["email"] == customers[0].email
    page = (await operator.http.get("/api/v1/admin/accounts?limit=1")).json()
    following = (await operator.http.get(f"/api/v1/admin/accounts?limit=1&after={page['next']}")).json()
    assert page["has_more"] and following["data"][0]["id"] > page["data"][0]["id"]
    unknown = await operator.http.get("/api/v1/admin/accounts?after=acct_00000000000000000000000000")
    assert code_of(unknown) == "invalid_cursor"


async def test_accounts_are_listed_while_billing_is_away(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(Billing(url="http://127.0.0.1:1"))
    operator = await world.operator()
    listed = (await operator.http.get("/api/v1/admin/accounts")).json()["data"]
    assert [account["standing"] for account in listed] == [None]


async def test_tier_and_limit_reach_every_caller_within_a_second(make_world: Callable[..., Any]) -> None:
    one: World = await make_world()
    two: World = await make_world(one.billing)
    operator, customer = await one.operator(), await one.register()
    session = await two.gateway.sessions.find(customer.token)
    assert session is not None and session.identity.tier == "new"
    changed = await operator.http.patch(
        f"/api/v1/admin/accounts/{customer.id}",
        json={"tier": "enterprise", "credit_limit": {"amount": 123_456, "currency": "usd"}},
    )
    assert changed.json()["tier"] == "enterprise"
    assert changed.json()["credit_limit"] == {"amount": 123_456, "currency": "usd"}

    async def is_known() -> bool:
        session = await two.gateway.sessions.find(customer.token)
        return session is not None and session.identity.credit_limit_minor == 123_456

    await eventually(is_known, within_seconds=1.0)
    lifted = await operator.http.patch(f"/api/v1/admin/accounts/{customer.id}", json={"credit_limit": None})
    assert (lifted.json()["credit_limit"], lifted.json()["tier"]) == (None, "enterprise")


SENSELESS: list[dict[str, Any]] = [
    {"tier": "gold"},
    {"tier": None},
    {"status": "deleted"},
    {"role": "operator"},
    {"credit_limit": 5},
    {"credit_limit": {"amount": -1, "currency": "usd"}},
    {"credit_limit": {"amount": 10**30, "currency": "usd"}},
    {"credit_limit": {"amount": 1.5, "currency": "usd"}},
    {"credit_limit": {"amount": 1, "currency": "eur"}},
    {"email": "x@example.com"},
]


async def test_senseless_change_of_an_account_is_refused(world: World, operator: Customer) -> None:
    customer = await world.register()
    for body in SENSELESS:
        refused = await operator.http.patch(f"/api/v1/admin/accounts/{customer.id}", json=body)
        assert (refused.status_code, code_of(refused)) == (422, "validation_failed"), body
        unknown = await operator.http.patch("/api/v1/admin/accounts/acct_x", json=body)
        assert (unknown.status_code, code_of(unknown)) == (404, "not_found")


async def test_operator_raises_lowers_and_lifts_a_keys_limits(world: World, operator: Customer) -> None:
    customer = await world.register()
    made = await customer.make_key(limits={"per_minute": 10})
    path = f"/api/v1/admin/api-keys/{made['id']}"

    async def limits_are(per_minute: int | None, per_day: int | None) -> bool:
        record = await world.gateway.keys.find(presented(made["key"]))
        return record is not None and (record.per_minute, record.per_day) == (per_minute, per_day)

    assert await limits_are(10, 10_000)
    raised = await operator.http.patch(path, json={"limits": {"per_minute": 5_000}})
    assert raised.json()["limits"] == {"per_minute": 5_000, "per_day": 10_000}
    assert raised.json()["account_id"] == customer.id
    await eventually(lambda: limits_are(5_000, 10_000), within_seconds=1.0)
    await operator.http.patch(path, json={"limits": {"per_minute": None, "per_day": None}})
    await eventually(lambda: limits_are(None, None), within_seconds=1.0)
    await operator.http.patch(path, json={"limits": {"per_minute": 3}})
    await eventually(lambda: limits_are(3, None), within_seconds=1.0)
    own = f"/api/v1/auth/api-keys/{made['id']}"
    refused = await customer.http.patch(own, json={"limits": {"per_minute": 4}})
    assert (refused.status_code, code_of(refused)) == (422, "validation_failed")
    for body in ({"limits": {"per_minute": 0}}, {"limits": {"per_hour": 1}}, {}, {"limits": None}, {"name": "x"}):
        assert (await operator.http.patch(path, json=body)).status_code == 422
    assert (await operator.http.get(path)).json()["limits"] == {"per_minute": 3, "per_day": None}


async def test_keys_of_all_accounts_are_listed_without_the_keys(world: World, operator: Customer) -> None:
    first, second = await world.register(), await world.register()
    made = [await first.make_key(), await second.make_key()]
    listed = await operator.http.get("/api/v1/admin/api-keys")
    assert [key["id"] for key in listed.json()["data"]] == [key["id"] for key in made]
    assert all(key["key"] not in listed.text for key in made)
    for query in ("account_id=%00", "account_id=x", "after=%00", "limit=0"):
        assert (await operator.http.get(f"/api/v1/admin/api-keys?{query}")).status_code == 422
    for path in ("accounts", "audit"):
        assert (await operator.http.get(f"/api/v1/admin/{path}?after=%00")).status_code == 422
    of_second = await operator.http.get(f"/api/v1/admin/api-keys?account_id={second.id}")
    assert [key["id"] for key in of_second.json()["data"]] == [made[1]["id"]]


async def test_audit_tells_who_did_what(world: World, operator: Customer) -> None:
    customer = await world.register()
    changed = await operator.http.patch(f"/api/v1/admin/accounts/{customer.id}", json={"tier": "verified"})
    newest = (await operator.http.get("/api/v1/admin/audit?limit=1")).json()
    entry = newest["data"][0]
    assert (entry["actor"], entry["action"], entry["subject"]) == (operator.id, "account.changed", customer.id)
    assert entry["details"] == {"tier": "verified"}
    assert entry["request_id"] == changed.headers["x-request-id"]
    older = (await operator.http.get(f"/api/v1/admin/audit?after={newest['next']}")).json()["data"]
    assert [line["action"] for line in older] == ["account.registered", "operator.created"]


def _siblings_line(at: datetime, action: str) -> Line:
    return {
        "id": new_id("aud", at=at),
        "created_at": at.isoformat(),
        "actor": "acct_boss",
        "action": action,
        "subject": "txn_1",
        "details": {},
        "request_id": None,
    }


async def test_audit_lists_billings_lines_among_the_gateways_own(world: World, operator: Customer) -> None:
    now = datetime.now(UTC)
    later, earlier = now + timedelta(hours=1), now - timedelta(hours=1)
    world.billing.trail = [_siblings_line(later, "credits.granted"), _siblings_line(earlier, "refund.asked")]

    async def listed(query: str = "") -> tuple[list[tuple[str, str]], Any]:
        answer = await operator.http.get(f"/api/v1/admin/audit?{query}")
        assert answer.status_code == 200, answer.text
        return [(line["service"], line["action"]) for line in answer.json()["data"]], answer.json()["next"]

    of_billing = [("billing", "credits.granted"), ("billing", "refund.asked")]
    everything, _ = await listed()
    assert everything == [of_billing[0], ("gateway", "operator.created"), of_billing[1]]
    assert (await listed("service=billing"))[0] == of_billing
    assert (await listed("service=gateway"))[0] == [everything[1]]
    first, following = await listed("limit=1")
    second, following = await listed(f"limit=1&after={following}")
    assert [*first, *second, *(await listed(f"after={following}"))[0]] == everything
    unknown, of_other = new_id("aud", at=now), world.billing.trail[0]["id"]
    for query in (f"after={unknown}", "service=portal", f"service=gateway&after={of_other}"):
        assert (await operator.http.get(f"/api/v1/admin/audit?{query}")).status_code == 422

    world.billing.status = 500
    away = await operator.http.get("/api/v1/admin/audit")
    assert (away.status_code, away.json()["code"]) == (503, "billing_unavailable")
    assert (await listed("service=gateway"))[0] == [everything[1]]


async def test_audit_lists_frauds_lines(world: World, operator: Customer) -> None:
    world.billing.frauds_trail = [_siblings_line(datetime.now(UTC) + timedelta(hours=1), "case.approved")]
    for query, count in (("", 2), ("service=fraud", 1)):
        lines = (await operator.http.get(f"/api/v1/admin/audit?{query}")).json()["data"]
        assert len(lines) == count
        assert (lines[0]["service"], lines[0]["action"]) == ("fraud", "case.approved")


async def test_audit_is_append_only_for_the_service(world: World) -> None:
    await world.register()
    for statement in ("UPDATE audit SET action = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with world.gateway.database.transaction() as connection:
                await connection.execute(text(statement))


async def test_operator_is_made_once_however_often(world: World) -> None:
    first = await ensure_operator(world.gateway, email="Boss@example.com", password=PASSWORD)
    again = await ensure_operator(world.gateway, email="boss@example.com", password=PASSWORD)
    assert first.identity.account_id == again.identity.account_id
    async with world.gateway.database.transaction() as connection:
        kept = await connection.scalar(text("SELECT password_hash FROM accounts"))
    await ensure_operator(world.gateway, email="boss@example.com", password="another password")
    async with world.gateway.database.transaction() as connection:
        assert await connection.scalar(text("SELECT password_hash FROM accounts")) != kept
    customer = await world.register()
    made = await ensure_operator(world.gateway, email=customer.email, password=PASSWORD)
    assert (made.identity.account_id, made.identity.role) == (customer.id, "operator")
