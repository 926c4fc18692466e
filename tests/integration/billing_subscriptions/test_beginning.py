"""How a subscription begins, or does not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.billing.store import subscriptions
from services.billing.use_cases.subscription_figures import subscription_figures_of
from shared.money import Money
from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, HOUR, Club, Member
from tests.support.keys import service_headers


async def begun_directly(club: Club, card: str, **more: Any) -> Member:
    """A subscription that no page made, of a customer with this card."""
    subscription, _ = await club.order()
    customer_id = subscription.stripe_customer_id or ""
    if card:
        await club.control(f"/test/customers/{customer_id}/card", {"number": card})
    made = await club.stripe.subscriptions.create_async(
        {
            "customer": customer_id,
            "items": [{"price": (await club.plan()).stripe_price_id}],
            "metadata": {"subscription_id": subscription.id, "account_id": subscription.account_id},
            **more,
        }
    )
    await club.work()
    return Member(subscription.id, subscription.account_id, customer_id, made.id)


async def test_paid_subscription_is_good_until_its_periods_end(club: Club) -> None:
    member = await club.joined()
    row = await club.row(member)
    assert await club.state(member) == ("active", "good", None)
    assert row.stripe_subscription_id == member.stripe_id and row.expires_at == row.current_period_end_at
    news = await club.news(member)
    assert (news[-1]["standing"], news[-1]["version"], news[-1]["reason"]) == ("good", row.version, None)
    assert [told["version"] for told in news] == sorted({told["version"] for told in news})
    assert await club.mails(member) == []
    answer = await club.shop.http.get(
        f"/internal/v1/subscriptions/{member.id}", headers=service_headers("billing", "licensing")
    )
    assert (answer.status_code, answer.json()) == (200, news[-1])


async def test_incomplete_subscription_is_pending_until_it_is_paid(club: Club) -> None:
    member = await begun_directly(club, FAILING_CARD)
    assert await club.state(member) == ("incomplete", "pending", "never_paid")
    assert (await club.news(member))[-1]["standing"] == "pending"
    await club.move(22 * HOUR)
    await club.use_card(member, "4242424242424242")
    await club.stripe.invoices.pay_async((await club.invoices(member))[0]["id"])
    await club.work()
    assert await club.state(member) == ("active", "good", None)
    assert await club.mails(member) == []


async def test_incomplete_subscription_that_nobody_pays_is_void(club: Club) -> None:
    member = await begun_directly(club, FAILING_CARD)
    await club.move(23 * HOUR + timedelta(seconds=1))
    await club.work()
    assert await club.state(member) == ("expired", "void", "never_paid")
    told = (await club.news(member))[-1]
    assert (told["standing"], told["reason"], told["expires_at"]) == ("void", "incomplete_expired", None)
    assert await club.mails(member) == [] and (await club.row(member)).check_at is None


async def test_page_that_expires_voids_what_it_was_to_begin(club: Club) -> None:
    subscription, _ = await club.order()
    await club.stripe.checkout.sessions.expire_async(subscription.session_id)
    await club.work()
    assert await club.state(subscription) == ("expired", "void", "never_paid")
    assert await club.shop.rows("SELECT id FROM outbox WHERE kind = 'subscription.changed'") == []


@pytest.mark.long
async def test_trial_without_a_card_is_suspended_at_its_end(club: Club) -> None:
    member = await begun_directly(
        club, "", trial_period_days=7, trial_settings={"end_behavior": {"missing_payment_method": "pause"}}
    )
    row = await club.row(member)
    assert await club.state(member) == ("trialing", "good", None) and row.expires_at == row.trial_ends_at
    await club.pass_time(8 * DAY)
    assert await club.state(member) == ("paused", "suspended", "paused")
    assert await club.mails(member) == ["trial_ending", "subscription_suspended"]


async def test_trial_that_is_paid_expires_with_the_paid_period(club: Club) -> None:
    member = await club.joined(trial_days=7)
    trial_ends_at = (await club.row(member)).trial_ends_at
    assert (await club.news(member))[-1]["trialing"] is True
    assert [invoice["total"] for invoice in await club.invoices(member)] == [0]
    await club.pass_time(7 * DAY + 2 * HOUR)
    row = await club.row(member)
    assert trial_ends_at is not None and row.expires_at is not None
    assert row.expires_at - trial_ends_at >= 28 * DAY and row.expires_at == row.current_period_end_at
    assert await club.mails(member) == ["trial_ending", "subscription_renewed"]


async def test_another_products_subscription_changes_nothing(club: Club) -> None:
    subscription, _ = await club.order()
    customer_id = subscription.stripe_customer_id or ""
    await club.control(f"/test/customers/{customer_id}/card", {"number": "4242424242424242"})
    items = [{"price": (await club.plan()).stripe_price_id}]
    for metadata in (
        {},
        {"subscription_id": "theirs"},
        {"subscription_id": subscription.id},
        {"subscription_id": subscription.id, "account_id": "acct_another"},
    ):
        await club.stripe.subscriptions.create_async({"customer": customer_id, "items": items, "metadata": metadata})
    await club.work()
    assert await club.state(subscription) == ("incomplete", "pending", "never_paid")
    rows = await club.shop.rows(
        "SELECT DISTINCT status FROM webhook_events WHERE type LIKE 'customer.subscription%' OR type LIKE 'invoice%'"
    )
    assert [row.status for row in rows] == ["ignored"]


async def test_second_subscription_of_stripes_under_one_of_ours_is_ignored(club: Club) -> None:
    member = await club.joined()
    before = await club.row(member)
    await club.stripe.subscriptions.create_async(
        {
            "customer": member.customer_id,
            "items": [{"price": (await club.plan()).stripe_price_id}],
            "default_payment_method": (await club.at_stripe(member))["default_payment_method"],
            "metadata": {"subscription_id": member.id, "account_id": member.account_id},
        }
    )
    await club.work()
    assert replace(await club.row(member), asked_at=before.asked_at, check_at=before.check_at) == before


async def test_who_subscribes_again_has_a_subscription_of_its_own(club: Club) -> None:
    first = await club.joined()
    await club.stripe.subscriptions.cancel_async(first.stripe_id)
    await club.work()
    second = await club.joined()
    assert await club.state(first) == ("canceled", "revoked", "canceled")
    assert await club.state(second) == ("active", "good", None)
    async with club.billing.database.transaction() as connection:
        kept = await subscriptions.page(connection, account_id=None, status=None, after=None, limit=10)
    assert {each.id for each in kept} == {first.id, second.id}


async def test_credit_balance_that_covers_the_first_invoice_begins_it(club: Club) -> None:
    subscription, url = await club.order()
    customer_id = subscription.stripe_customer_id
    await club.stripe.customers.update_async(customer_id, {"balance": -9_000})
    assert (await club.shop.pay(url)).status_code == 303
    await club.work()
    assert await club.state(subscription) == ("active", "good", None)
    row = await club.row(subscription)
    assert row.expires_at is not None and row.expires_at == row.current_period_end_at
    assert (await subscription_figures_of(club.billing)).monthly == (Money(2_500, "usd"),)
    assert await club.shop.rows("SELECT 1 FROM payments") == []


async def test_trial_that_has_ended_brings_nothing_until_its_first_payment(club: Club) -> None:
    member = await club.joined(trial_days=7)
    await club.to((await club.row(member)).trial_ends_at, plus=timedelta(minutes=10))
    await club.work()
    assert await club.state(member) == ("active", "good", None)
    assert (await subscription_figures_of(club.billing)).monthly == (Money(0, "usd"),)
    await club.move(2 * HOUR)
    await club.work()
    assert (await subscription_figures_of(club.billing)).monthly == (Money(2_500, "usd"),)
