"""Subscribing: the page, what it becomes, and who may see it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.billing_payments.conftest import OPERATOR, a_customer
from tests.integration.billing_subscriptions.conftest import PLAN, Club
from tests.integration.billing_subscriptions_api.conftest import Customer


async def test_page_is_paid_and_the_subscription_runs(customer: Customer) -> None:
    begun = await customer.subscribe(success_url="http://127.0.0.1:9/ok?s={CHECKOUT_SESSION_ID}")
    waiting = await customer.read(begun["id"])
    assert (waiting["status"], waiting["checkout_url"]) == ("incomplete", begun["checkout_url"])

    paid = await customer.club.shop.pay(begun["checkout_url"])
    assert paid.headers["location"].startswith("http://127.0.0.1:9/ok?s=cs_")
    await customer.club.work()

    found = await customer.read(begun["id"])
    assert (found["status"], found["stripe_status"], found["plan"]) == ("active", "active", PLAN)
    assert found["price"] == {"amount": 2500, "currency": "usd"}
    assert found["expires_at"] == found["current_period_end"]
    assert (found["cancel_at_period_end"], found["payment_failures"], found["license_id"]) == (False, 0, None)
    assert "checkout_url" not in found
    assert (await customer.get()).json()["data"] == [found]


async def test_trial_of_the_plan_is_free_until_its_end(customer: Customer) -> None:
    await customer.club.shop.rows("UPDATE plans SET trial_days = 14 RETURNING 1")
    found = await customer.joined()
    assert (found["status"], found["expires_at"]) == ("trialing", found["trial_end"])


async def test_same_key_makes_one_subscription_and_one_page(customer: Customer) -> None:
    first = await customer.subscribe(key="one")
    assert await customer.subscribe(key="one") == first
    both = await asyncio.gather(*(customer.post("/checkout", {"plan": PLAN}, key="two") for _ in range(2)))
    assert {answer.status_code for answer in both} <= {201, 409}
    assert len((await customer.get()).json()["data"]) == 2
    reused = await customer.post("/checkout", {"plan": "another"}, key="one")
    assert reused.json()["code"] == "idempotency_key_reused"


async def test_stripe_away_leaves_nothing_that_waits(customer: Customer) -> None:
    await customer.subscribe()
    await customer.club.control("/test/faults", {"status": 500, "times": 10, "path": "/v1/checkout"})
    refused = await customer.post("/checkout", {"plan": PLAN})
    assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
    statuses = [each["status"] for each in (await customer.get()).json()["data"]]
    assert statuses == ["expired", "incomplete"]


async def test_what_can_not_be_sold_is_refused(customer: Customer) -> None:
    bodies: list[tuple[dict[str, object], str]] = [
        ({"plan": "none"}, "/plan"),
        ({}, "/plan"),
        ({"plan": PLAN, "success_url": "https://elsewhere.example/"}, "/success_url"),
        ({"plan": PLAN, "cancel_url": "ftp://127.0.0.1/"}, "/cancel_url"),
        ({"plan": PLAN, "quantity": 2}, "/quantity"),
    ]
    for body, pointer in bodies:
        refused = await customer.post("/checkout", body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await customer.get()).json()["data"] == []


@pytest.mark.long
async def test_retired_plan_is_sold_no_more_and_goes_on(customer: Customer) -> None:
    found = await customer.joined()
    await customer.club.shop.post(OPERATOR, f"/api/v1/admin/plans/{PLAN}/retire")
    assert (await customer.post("/checkout", {"plan": PLAN})).status_code == 422
    await customer.club.pass_time(timedelta(days=32), by=timedelta(days=32))
    renewed = await customer.read(found["id"])
    assert (renewed["status"], renewed["expires_at"] > found["expires_at"]) == ("active", True)


async def test_refusals_come_in_their_order_and_strangers_see_nothing(club: Club, customer: Customer) -> None:
    begun = await customer.subscribe()
    stranger, nobody = Customer(club, a_customer()), club.shop.http
    for deed in ("cancel", "resume", "pause", "change"):
        path = f"/api/v1/subscriptions/{begun['id']}/{deed}"
        assert (await nobody.post(path, json={"x": 1})).status_code == 401
        assert await stranger.refused(begun["id"], deed, {"x": 1}) == (404, "not_found")
        assert await customer.refused("sub_1", deed, {"x": 1}) == (404, "not_found")
        suspended = Customer(club, replace(customer.caller, status="suspended"))
        assert await suspended.refused(begun["id"], deed) == (403, "account_suspended")
    assert (await stranger.get(f"/{begun['id']}")).status_code == 404
    assert (await stranger.get()).json()["data"] == []
    assert (await stranger.get(f"?after={begun['id']}")).json()["code"] == "invalid_cursor"
    assert await customer.refused(begun["id"], "change", {}) == (422, "validation_failed")
    assert await customer.refused(begun["id"], "cancel", {"at_period_end": 1}) == (422, "validation_failed")


async def test_pages_of_the_list_follow_each_other(customer: Customer) -> None:
    made = [(await customer.subscribe())["id"] for _ in range(3)]
    first = (await customer.get("?limit=2")).json()
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (made[:0:-1], True)
    second = (await customer.get(f"?limit=2&after={first['next']}")).json()
    assert ([each["id"] for each in second["data"]], second["has_more"]) == (made[:1], False)
