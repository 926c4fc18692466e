"""Canceling, pausing, resuming and changing the plan, as customers ask for it."""

import asyncio
from datetime import datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from services.billing.clients.stripe import StripeUnavailable
from services.billing.use_cases import subscription_changes
from tests.integration.billing_payments.conftest import BAD_CARD, OPERATOR
from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, PLAN, Club
from tests.integration.billing_subscriptions_api.conftest import PRO, Customer, sell_pro

MONTH = timedelta(days=32)


async def test_cancel_at_once_ends_it_for_good(customer: Customer) -> None:
    found = await customer.joined()
    ended = await customer.changed(found["id"], "cancel")
    assert (ended["status"], ended["reason"]) == ("canceled", "canceled")
    assert ended["canceled_at"] is not None
    for deed, body in (("cancel", None), ("resume", None), ("pause", None), ("change", {"plan": PLAN})):
        assert await customer.refused(found["id"], deed, body) == (409, "subscription_ended")


async def test_cancel_at_period_end_is_undone_by_resuming(customer: Customer) -> None:
    found = await customer.joined()
    for _ in range(2):
        ending = await customer.changed(found["id"], "cancel", {"at_period_end": True})
        assert (ending["status"], ending["cancel_at_period_end"]) == ("active", True)
    assert await customer.refused(found["id"], "pause") == (409, "not_pausable")
    going_on = await customer.changed(found["id"], "resume")
    assert (going_on["status"], going_on["cancel_at_period_end"]) == ("active", False)
    assert await customer.refused(found["id"], "resume") == (409, "not_paused")

    await customer.club.pass_time(MONTH, by=MONTH)
    assert (await customer.read(found["id"]))["expires_at"] > found["expires_at"]


@pytest.mark.long
async def test_canceled_at_period_end_it_ends_then(customer: Customer) -> None:
    found = await customer.joined()
    await customer.changed(found["id"], "cancel", {"at_period_end": True})
    await customer.club.pass_time(MONTH, by=MONTH)
    ended = await customer.read(found["id"])
    assert (ended["status"], ended["cancel_at_period_end"]) == ("canceled", False)


async def test_cancel_of_an_unpaid_one_ends_its_page(customer: Customer) -> None:
    begun = await customer.subscribe()
    left = await customer.changed(begun["id"], "cancel", {"at_period_end": True})
    assert (left["status"], "checkout_url" in left) == ("expired", False)
    assert (await customer.club.shop.pay(begun["checkout_url"])).status_code == 410
    assert await customer.refused(begun["id"], "cancel") == (409, "subscription_ended")


async def test_cancel_of_one_that_was_paid_in_that_moment_is_refused_once(customer: Customer) -> None:
    begun = await customer.subscribe()
    await customer.club.control("/test/delivery", {"mode": "drop"})
    assert (await customer.club.shop.pay(begun["checkout_url"])).status_code == 303
    assert await customer.refused(begun["id"], "cancel") == (409, "subscription_began")
    assert (await customer.read(begun["id"]))["status"] == "active"
    assert (await customer.changed(begun["id"], "cancel"))["status"] == "canceled"


@pytest.mark.long
async def test_cancel_after_a_refused_card_leaves_nothing_that_could_be_paid(customer: Customer) -> None:
    begun = await customer.subscribe()
    assert (await customer.club.shop.pay(begun["checkout_url"], BAD_CARD)).status_code == 402
    await customer.club.work()
    assert (await customer.read(begun["id"]))["status"] == "incomplete"
    assert (await customer.changed(begun["id"], "cancel"))["status"] in {"expired", "canceled"}
    assert (await customer.club.shop.pay(begun["checkout_url"])).status_code == 410
    await customer.club.work()
    assert await customer.refused(begun["id"], "cancel") == (409, "subscription_ended")


async def test_pause_uses_up_what_is_paid_and_resuming_before_costs_nothing(customer: Customer) -> None:
    found = await customer.joined()
    for _ in range(2):
        paused = await customer.changed(found["id"], "pause")
        assert (paused["status"], paused["reason"], paused["expires_at"]) == ("paused", None, found["expires_at"])
    resumed = await customer.changed(found["id"], "resume")
    assert (resumed["status"], resumed["paused_at"]) == ("active", None)
    member = await customer.member(found["id"])
    assert len(await customer.club.invoices(member)) == 1
    assert (await customer.club.at_stripe(member))["pause_collection"] is None


@pytest.mark.long
async def test_resuming_what_is_used_up_pays_a_new_period_once(customer: Customer) -> None:
    found = await customer.joined()
    await customer.changed(found["id"], "pause")
    await customer.club.pass_time(MONTH + DAY * 5, by=MONTH + DAY * 5)
    used_up = await customer.read(found["id"])
    assert (used_up["status"], used_up["reason"]) == ("paused", "paused")

    both = await asyncio.gather(*(customer.post(f"/{found['id']}/resume") for _ in range(2)))

    assert {answer.status_code for answer in both} <= {200, 409}
    await customer.club.work()
    resumed = await customer.read(found["id"])
    assert (resumed["status"], resumed["reason"]) == ("active", None)
    begun_at = datetime.fromisoformat(resumed["current_period_start"])
    assert abs(customer.club.billing.clock.now() - begun_at) < timedelta(minutes=2)
    assert resumed["expires_at"] == resumed["current_period_end"]
    paid = [
        each for each in await customer.club.invoices(await customer.member(found["id"])) if each["status"] == "paid"
    ]
    assert [each["amount_paid"] for each in paid] == [2500, 2500]


@pytest.mark.long
async def test_resuming_with_a_refused_card_changes_nothing_and_may_be_tried_again(customer: Customer) -> None:
    found = await customer.joined()
    member = await customer.member(found["id"])
    await customer.changed(found["id"], "pause")
    await customer.club.pass_time(MONTH, by=MONTH)
    await customer.club.use_card(member, FAILING_CARD)
    for _ in range(2):
        refused = await customer.post(f"/{found['id']}/resume")
        assert (refused.status_code, refused.json()["code"]) == (402, "card_declined")
        assert refused.json()["decline_code"]
        assert (await customer.read(found["id"]))["status"] == "paused"
    await customer.club.use_card(member, "4242424242424242")
    assert (await customer.changed(found["id"], "resume"))["status"] == "active"


async def test_pause_and_resuming_whose_answers_are_lost_are_found_at_stripe(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await customer.joined()

    async def with_answer_lost(deed: str) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(subscription_changes, "settle_anew", AsyncMock(side_effect=StripeUnavailable("lost")))
            assert (await customer.post(f"/{found['id']}/{deed}")).status_code == 503

    await with_answer_lost("pause")
    assert (await customer.changed(found["id"], "pause"))["status"] == "paused"
    await with_answer_lost("resume")
    await customer.club.work()
    assert (await customer.read(found["id"]))["status"] == "active"
    await with_answer_lost("pause")
    await customer.club.pass_time(MONTH + DAY * 5, by=MONTH + DAY * 5)
    assert (await customer.read(found["id"]))["status"] == "paused"
    await with_answer_lost("resume")
    again = await customer.changed(found["id"], "resume")
    assert (again["status"], again["reason"]) == ("active", None)
    paid = [one for one in await customer.club.invoices(await customer.member(found["id"])) if one["amount_paid"]]
    assert len(paid) == 2, "the period that began is paid once"


async def test_upgrade_is_charged_at_once_and_extends_nothing(club: Club, customer: Customer) -> None:
    await sell_pro(club)
    found = await customer.joined()
    both = await asyncio.gather(*(customer.post(f"/{found['id']}/change", {"plan": PRO["id"]}) for _ in range(2)))
    assert [answer.status_code for answer in both] == [200, 200]
    changed = await customer.changed(found["id"], "change", {"plan": PRO["id"]})
    assert (changed["plan"], changed["price"]["amount"]) == (PRO["id"], 10_000)
    assert changed["expires_at"] == found["expires_at"]
    first, difference = await club.invoices(await customer.member(found["id"]))
    assert (first["amount_paid"], difference["amount_paid"]) == (2500, 7500)
    news = (await club.news(await customer.member(found["id"])))[-1]
    assert (news["plan"]["id"], news["plan"]["max_activations"]) == (PRO["id"], 5)


@pytest.mark.long
async def test_longer_interval_begins_its_period_now(club: Club, customer: Customer) -> None:
    await sell_pro(club, id="license-yearly", interval="year", price={"amount": 25_000, "currency": "usd"})
    found = await customer.joined()
    changed = await customer.changed(found["id"], "change", {"plan": "license-yearly"})
    left = datetime.fromisoformat(changed["expires_at"]) - club.billing.clock.now()
    assert timedelta(days=364) < left <= timedelta(days=366)
    _, yearly = await club.invoices(await customer.member(found["id"]))
    assert 22_500 <= yearly["amount_paid"] < 22_510, "less what was left of the month"
    statistics = (await club.shop.get(OPERATOR, "/api/v1/admin/subscriptions/statistics")).json()
    assert statistics["mrr"] == [{"amount": 2083, "currency": "usd"}]


async def test_upgrade_whose_payment_fails_keeps_the_old_plan(club: Club, customer: Customer) -> None:
    await sell_pro(club)
    found = await customer.joined()
    member = await customer.member(found["id"])
    await club.use_card(member, FAILING_CARD)
    for _ in range(2):
        assert await customer.refused(found["id"], "change", {"plan": PRO["id"]}) == (402, "card_declined")
    await club.work()
    kept = await customer.read(found["id"])
    assert (kept["plan"], kept["status"], kept["payment_failures"]) == (PLAN, "active", 0)
    await club.use_card(member, "4242424242424242")
    assert (await customer.changed(found["id"], "change", {"plan": PRO["id"]}))["plan"] == PRO["id"]


@pytest.mark.long
async def test_downgrade_credits_what_is_left(club: Club, customer: Customer) -> None:
    await sell_pro(club)
    found = await customer.joined(str(PRO["id"]))
    changed = await customer.changed(found["id"], "change", {"plan": PLAN})
    assert (changed["plan"], changed["expires_at"]) == (PLAN, found["expires_at"])
    assert (await club.news(await customer.member(found["id"])))[-1]["plan"]["max_activations"] == 1


@pytest.mark.long
async def test_plan_is_not_changed_while_it_can_not_be_paid(club: Club, customer: Customer) -> None:
    await sell_pro(club)
    begun = await customer.subscribe()
    assert await customer.refused(begun["id"], "change", {"plan": PRO["id"]}) == (409, "not_changeable")
    assert await customer.refused(begun["id"], "pause") == (409, "not_pausable")
    found = await customer.joined()
    await customer.changed(found["id"], "pause")
    assert await customer.refused(found["id"], "change", {"plan": PRO["id"]}) == (409, "not_changeable")
    assert await customer.refused(found["id"], "change", {"plan": "none"}) == (422, "validation_failed")


@pytest.mark.long
async def test_stripe_away_changes_nothing(customer: Customer) -> None:
    found = await customer.joined()
    await customer.club.control("/test/faults", {"status": 500, "times": 30, "path": "/v1/subscriptions"})
    assert await customer.refused(found["id"], "cancel") == (503, "service_unavailable")
    assert (await customer.read(found["id"]))["status"] == "active"


async def test_same_key_is_the_first_answer(customer: Customer) -> None:
    found = await customer.joined()
    first = await customer.post(f"/{found['id']}/cancel", key="once")
    again = await customer.post(f"/{found['id']}/cancel", key="once")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("at_period_end", [True, False])
async def test_cancels_at_the_same_moment_are_one_and_told_once(
    club: Club, customer: Customer, at_period_end: bool
) -> None:
    found = await customer.joined()
    body = {"at_period_end": at_period_end}
    *answers, _ = await asyncio.gather(*(customer.post(f"/{found['id']}/cancel", body) for _ in range(4)), club.work())
    assert {answer.status_code for answer in answers} <= {200, 409}
    await club.work()
    assert await club.mails(await customer.member(found["id"])) == ["subscription_canceled"]
