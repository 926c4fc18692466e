"""How a subscription changes and ends."""

import pytest

from services.billing.clients.stripe import StripeRefused
from services.billing.clients.stripe.subscribing import cancel_at_period_end, change_price, pause_collection
from services.billing.domain.subscriptions.plan import Plan, PlanId
from services.billing.store import plans
from services.billing.use_cases.plans import make_missing
from shared.money import Money
from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, HOUR, Club, Member
from tests.integration.billing_subscriptions.test_dunning import deeds, failing


async def dearer_plan(club: Club) -> Plan:
    plan = Plan(PlanId("license-team"), "Team", Money(5000, "usd"), "month", max_activations=5)
    async with club.billing.database.transaction() as connection:
        await plans.insert_missing(connection, plan, at=club.billing.clock.now())
    await make_missing(club.billing)
    return await club.plan(plan.id)


async def change_to(club: Club, member: Member, plan: Plan) -> None:
    item = (await club.at_stripe(member))["items"]["data"][0]
    await change_price(
        club.billing.stripe, member.stripe_id, item_id=item["id"], price_id=plan.stripe_price_id or "", key="change-1"
    )


async def test_cancel_at_once_revokes(club: Club) -> None:
    member = await club.joined()
    await club.stripe.subscriptions.cancel_async(member.stripe_id)
    await club.work()
    row = await club.row(member)
    assert await club.state(member) == ("canceled", "revoked", "canceled") and row.canceled_at is not None
    assert row.check_at is None and await club.mails(member) == ["subscription_canceled"]
    assert (await club.news(member))[-1]["standing"] == "revoked"


async def test_cancel_at_period_end_can_be_undone_before(club: Club) -> None:
    member = await club.joined()
    await cancel_at_period_end(club.billing.stripe, member.stripe_id, ends=True)
    await club.work()
    assert (await club.row(member)).cancel_at_period_end and await club.state(member) == ("active", "good", None)
    await cancel_at_period_end(club.billing.stripe, member.stripe_id, ends=False)
    await club.work()
    assert not (await club.row(member)).cancel_at_period_end
    await club.pass_time(32 * DAY, by=8 * DAY)
    assert await club.state(member) == ("active", "good", None)
    assert (await club.mails(member)).count("subscription_canceled") == 1


async def test_cancel_at_period_end_revokes_then_and_is_told_once(club: Club) -> None:
    member = await club.joined()
    await cancel_at_period_end(club.billing.stripe, member.stripe_id, ends=True)
    await club.pass_time(32 * DAY, by=8 * DAY)
    assert await club.state(member) == ("canceled", "revoked", "canceled")
    assert await club.mails(member) == ["subscription_canceled"]


@pytest.mark.long
async def test_cancel_while_past_due_voids_what_is_open(club: Club) -> None:
    member = await failing(club, days=[1, 2, 3])
    await club.move(4 * HOUR)
    await club.work()
    assert await club.state(member) == ("past_due", "good", None)
    await club.stripe.subscriptions.cancel_async(member.stripe_id)
    await club.work()
    assert [invoice["status"] for invoice in await club.invoices(member)] == ["paid", "void"]
    assert await deeds(club, member) == [("void", "done")]
    await club.pass_time(5 * DAY, by=DAY)
    assert (await club.invoices(member))[-1]["attempt_count"] == 1
    assert (await club.mails(member)).count("payment_failed") == 1


async def test_payment_after_the_end_is_refunded_and_revives_nothing(club: Club) -> None:
    member = await failing(club, days=[10])
    await club.move(4 * HOUR)
    await club.work()
    late = (await club.invoices(member))[-1]
    await club.stripe.subscriptions.cancel_async(member.stripe_id)
    await club.move(HOUR)
    assert (await club.shop.pay(late["hosted_invoice_url"])).status_code == 303
    await club.work()
    await club.move(2 * DAY)
    await club.work()
    assert await club.state(member) == ("canceled", "revoked", "canceled")
    assert await deeds(club, member) == [("refund", "done")]
    refunds = (await club.stripe.refunds.list_async({"limit": 10})).data
    assert [refund.amount for refund in refunds] == [2500]


async def test_news_from_before_the_end_does_not_revive(club: Club) -> None:
    member = await failing(club, days=[1, 2])
    await club.move(4 * HOUR)
    await club.control("/test/delivery", {"mode": "hold"})
    await club.stripe.subscriptions.cancel_async(member.stripe_id)
    await club.work()
    await club.look()
    before = await club.row(member)
    await club.control("/test/delivery", {"mode": "shuffle"})
    await club.control("/test/delivery", {"mode": "normal"})
    await club.work()
    after = await club.row(member)
    assert await club.state(member) == ("canceled", "revoked", "canceled")
    assert before.standing in {after.standing, "good"}
    assert (await club.mails(member)).count("subscription_canceled") == 1


async def test_upgrade_whose_payment_fails_keeps_the_old_plan(club: Club) -> None:
    member, plan = await club.joined(), await dearer_plan(club)
    await club.use_card(member, FAILING_CARD)
    await club.move(10 * DAY)
    with pytest.raises(StripeRefused):
        await change_to(club, member, plan)
    await club.work()
    row = await club.row(member)
    assert (row.plan_id, row.payment_failures) == ("license-monthly", 0)
    assert await club.state(member) == ("active", "good", None)


async def test_upgrade_charges_the_difference_and_extends_nothing(club: Club) -> None:
    member, plan = await club.joined(), await dearer_plan(club)
    ends_at = (await club.row(member)).expires_at
    await club.move(10 * DAY)
    await change_to(club, member, plan)
    await club.work()
    row = await club.row(member)
    assert (row.plan_id, row.price.amount_minor, row.expires_at) == (plan.id, 5000, ends_at)
    assert (await club.news(member))[-1]["plan"]["max_activations"] == 5
    rows = await club.shop.rows(
        "SELECT paid_minor, period_end_at FROM subscription_invoices WHERE billing_reason = 'subscription_update'"
    )
    assert len(rows) == 1 and rows[0].paid_minor > 0 and rows[0].period_end_at is None
    assert "subscription_renewed" not in await club.mails(member)


async def test_collection_that_somebody_paused_is_no_pause(club: Club) -> None:
    member = await club.joined()
    ends_at = (await club.row(member)).expires_at
    await club.stripe.subscriptions.update_async(member.stripe_id, {"pause_collection": {"behavior": "void"}})
    await club.work()
    assert await club.state(member) == ("active", "good", None)
    await club.pass_time(33 * DAY, by=11 * DAY)
    assert await club.state(member) == ("active", "good", None)
    assert (await club.row(member)).expires_at == ends_at
    assert "subscription_renewed" not in await club.mails(member)


async def test_own_pause_lasts_until_what_is_paid_is_used_up(club: Club) -> None:
    member = await club.joined()
    await pause_collection(club.billing.stripe, member.stripe_id, at=club.billing.clock.now())
    await club.work()
    assert await club.state(member) == ("paused", "good", None)
    await club.to((await club.row(member)).expires_at)
    await club.work()
    assert await club.state(member) == ("paused", "suspended", "paused")
