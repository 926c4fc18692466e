"""What operators see of subscriptions: lists, statistics, stories, and the monitoring's switch."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.integration.billing_payments.conftest import OPERATOR, a_customer
from tests.integration.billing_subscriptions.conftest import FAILING_CARD, Club
from tests.integration.billing_subscriptions_api.conftest import PRO, Customer, sell_pro

AT = "/api/v1/admin/subscriptions"
MONTH = timedelta(days=32)
USD = "usd"


async def asked(club: Club, path: str = "") -> dict[str, Any]:
    answer = await club.shop.get(OPERATOR, f"{AT}{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_everybodys_subscriptions_by_status_and_account(club: Club, customer: Customer) -> None:
    running = await customer.joined()
    waiting = await Customer(club, a_customer()).subscribe()
    assert [each["id"] for each in (await asked(club))["data"]] == [waiting["id"], running["id"]]
    [active] = (await asked(club, "?status=active"))["data"]
    assert (active["id"], active["standing"], active["account_id"]) == (
        running["id"],
        "good",
        customer.caller.account_id,
    )
    assert active["stripe_subscription_id"].startswith("sub_")
    [own] = (await asked(club, f"?account={customer.caller.account_id}"))["data"]
    assert own == active
    assert (await club.shop.get(OPERATOR, f"{AT}?status=gone")).status_code == 422


async def test_page_names_its_licenses_by_one_question(
    club: Club, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, waiting = await customer.joined(), await customer.subscribe()
    asked_for: list[list[str]] = []

    async def get(path: str) -> httpx.Response:
        asked_for.append(httpx.URL(path).params.get_list("subscription"))
        return httpx.Response(200, json={"licenses": {running["id"]: "lic_1"}})

    monkeypatch.setattr(club.billing.licensing.client, "get", get)
    found = (await asked(club))["data"]
    assert {each["id"]: each["license_id"] for each in found} == {running["id"]: "lic_1", waiting["id"]: None}
    assert asked_for == [[waiting["id"], running["id"]]]
    explained = await asked(club, f"/{running['id']}/explain")
    assert explained["subscription"]["license_id"] == "lic_1"


@pytest.mark.long
async def test_statistics_of_what_runs_fails_and_ends(club: Club, customer: Customer) -> None:
    await sell_pro(club)
    first, failing, left = (Customer(club, a_customer()) for _ in range(3))
    await customer.joined(str(PRO["id"]))
    await first.joined()
    late = await failing.joined()
    gone = await left.joined()
    await left.changed(gone["id"], "cancel")
    await customer.subscribe()
    assert (await asked(club, "/statistics"))["mrr"] == [{"amount": 15_000, "currency": USD}]

    await club.use_card(await failing.member(late["id"]), FAILING_CARD)
    await club.to(club.billing.clock.now() + timedelta(days=31, hours=3))
    await club.work()
    found = await asked(club, "/statistics")

    counted = {status: number for status, number in found["by_status"].items() if number}
    assert counted == {"active": 2, "past_due": 1, "canceled": 1, "expired": 1}
    assert found["mrr"] == [{"amount": 15_000, "currency": USD}], "late within the grace counts"
    assert found["arr"] == [{"amount": 180_000, "currency": USD}]
    assert found["churn"] == {"days": 30, "at_start": 3, "ended": 0, "began": 0, "rate": "0.0000"}
    assert found["failed_payments"] == {
        "subscriptions": 1,
        "due": [{"amount": 2500, "currency": USD}],
        "days": 30,
        "invoices": 1,
        "recovered": 0,
    }

    await first.changed((await first.get()).json()["data"][0]["id"], "cancel")
    found = await asked(club, "/statistics")
    assert found["mrr"] == [{"amount": 12_500, "currency": USD}]
    assert (found["churn"]["ended"], found["churn"]["rate"]) == (1, "0.3333")


async def test_discount_given_at_stripe_is_taken_off(club: Club, customer: Customer) -> None:
    await customer.joined()
    await club.shop.rows("UPDATE subscription_invoices SET total_minor = 2000 RETURNING 1")
    assert (await asked(club, "/statistics"))["mrr"] == [{"amount": 2000, "currency": USD}]


async def test_discount_to_nothing_brings_nothing(club: Club, customer: Customer) -> None:
    await customer.joined()
    await club.shop.rows("UPDATE subscription_invoices SET total_minor = 0, discount_minor = 2500 RETURNING 1")
    assert (await asked(club, "/statistics"))["mrr"] == [{"amount": 0, "currency": USD}]


async def test_nothing_sold_is_nothing_earned(club: Club) -> None:
    found = await asked(club, "/statistics")
    assert (found["mrr"], found["arr"]) == ([{"amount": 0, "currency": USD}],) * 2
    assert set(found["by_status"].values()) == {0}
    assert found["churn"]["rate"] == "0.0000"


async def test_story_tells_steps_and_invoices(club: Club, customer: Customer) -> None:
    found = await customer.joined()
    await customer.changed(found["id"], "cancel")
    explained = await asked(club, f"/{found['id']}/explain")
    assert explained["subscription"]["status"] == "canceled"
    story = [line["text"] for line in explained["story"]]
    assert story[0] == "It became incomplete: its license waits for a payment (the customer asked for it)."
    assert any(line.startswith("An invoice (subscription create) of 25.00 USD") for line in story)
    assert story[-1] == (
        "It became canceled: its license is revoked for good, since it was canceled (by the customer's request)."
    )
    for unknown in ("sub_1", found["id"][:-1] + ("0" if found["id"][-1] != "0" else "1")):
        assert (await club.shop.get(OPERATOR, f"{AT}/{unknown}/explain")).status_code == 404


async def test_monitoring_is_switched_by_operators(club: Club) -> None:
    assert (await asked(club, "/monitoring"))["running"] is True
    for deed, running in (("stop", False), ("stop", False), ("start", True)):
        switched = await club.shop.post(OPERATOR, f"{AT}/monitoring/{deed}")
        assert (switched.status_code, switched.json()["running"]) == (200, running)
        assert switched.json()["changed_by"] == OPERATOR.account_id
    assert (await asked(club, "/monitoring"))["running"] is True
    actions = [row.action for row in await club.shop.rows("SELECT action FROM audit ORDER BY id")]
    assert actions == ["subscription_monitoring.stopped", "subscription_monitoring.started"]


async def test_customers_see_none_of_it(club: Club, customer: Customer) -> None:
    for path in ("", "/statistics", "/monitoring", "/sub_1/explain"):
        assert (await club.shop.get(customer.caller, f"{AT}{path}")).json()["code"] == "forbidden"
    for deed in ("start", "stop"):
        assert (await club.shop.post(customer.caller, f"{AT}/monitoring/{deed}")).status_code == 403
