"""Renewals that are paid, late, or not."""

import asyncio

import pytest

from tests.integration.billing_payments.conftest import GOOD_CARD
from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, HOUR, Club, Member

SUSPENDED = ("suspended", "suspended", "payment_failed")
GOOD = ("active", "good", None)


async def failing(club: Club, *, days: list[int], then: str = "past_due") -> Member:
    """One whose card fails from now on, just before its renewal, with Stripe's retries on these days."""
    await club.control("/test/dunning", {"retry_days": days, "then": then})
    member = await club.joined()
    await club.use_card(member, FAILING_CARD)
    await club.to((await club.row(member)).expires_at, plus=-2 * HOUR)
    await club.work()
    return member


async def deeds(club: Club, member: Member) -> list[tuple[str, str | None]]:
    """Those that move money or end something."""
    rows = await club.shop.rows(
        "SELECT kind, outcome FROM subscription_deeds WHERE subscription_id = $1 AND kind <> 'keep_card'"
        " ORDER BY created_at, id",
        member.id,
    )
    return [(row.kind, row.outcome) for row in rows]


async def test_renewal_is_told_ahead_once_and_receipted_once_paid(club: Club) -> None:
    member = await club.joined()
    ends_at = (await club.row(member)).expires_at
    assert ends_at is not None
    await club.to(ends_at, plus=-DAY - 2 * HOUR)
    await club.work()
    assert await club.mails(member) == []
    for _ in range(3):
        await club.move(2 * HOUR)
        await club.work()
    assert await club.mails(member) == ["renewal_upcoming"]
    await club.to(ends_at)
    await club.work()
    row = await club.row(member)
    assert row.expires_at == ends_at and await club.state(member) == GOOD
    assert await club.mails(member) == ["renewal_upcoming"]
    await club.move(HOUR)
    await club.work()
    row = await club.row(member)
    assert row.expires_at == row.current_period_end_at and (row.expires_at or ends_at) > ends_at
    assert await club.mails(member) == ["renewal_upcoming", "subscription_renewed"]
    told = [news["expires_at"] for news in await club.news(member)]
    assert len(set(told) - {None}) == 2


@pytest.mark.long
async def test_payment_within_the_grace_counts_from_the_old_boundary(club: Club) -> None:
    member = await failing(club, days=[2, 10])
    ends_at = (await club.row(member)).expires_at
    await club.move(4 * HOUR)
    await club.work()
    assert await club.state(member) == ("past_due", "good", None)
    assert (await club.row(member)).expires_at == ends_at and ends_at is not None
    await club.move(DAY)
    await club.use_card(member, GOOD_CARD)
    await club.work()
    row = await club.row(member)
    assert await club.state(member) == GOOD and row.payment_failures == 0
    assert row.current_period_start_at == ends_at and row.expires_at == row.current_period_end_at
    assert await club.mails(member) == ["renewal_upcoming", "payment_failed", "subscription_renewed"]


@pytest.mark.long
async def test_third_failure_suspends_once_and_each_is_told(club: Club) -> None:
    member = await failing(club, days=[1, 2, 20])
    await club.pass_time(3 * DAY - 3 * HOUR, by=3 * HOUR)
    assert await club.state(member) == SUSPENDED
    await club.pass_time(2 * DAY)
    assert await club.mails(member) == ["renewal_upcoming", *["payment_failed"] * 3, "subscription_suspended"]
    assert await club.steps(member) == ["active", "past_due", "suspended"]
    contents = await club.shop.rows("SELECT content FROM mails WHERE template = 'payment_failed' ORDER BY created_at")
    assert [row.content["failure"] for row in contents] == ["1", "2", "3"]
    assert contents[0].content["amount"] == "25.00 USD" and "/i/in_" in contents[0].content["pay_link"]
    assert contents[0].content["until"] and contents[2].content["until"] == ""


@pytest.mark.long
async def test_grace_that_is_over_suspends_though_retries_are_left(club: Club) -> None:
    member = await failing(club, days=[20])
    expires_at = (await club.row(member)).expires_at
    assert expires_at is not None
    await club.to(expires_at, plus=3 * DAY - 2 * (HOUR / 60))
    await club.work()
    assert await club.state(member) == ("past_due", "good", None)
    await club.move(3 * (HOUR / 60))
    await club.work()
    assert await club.state(member) == ("suspended", "suspended", "grace_over")


@pytest.mark.long
async def test_try_by_hand_that_fails_is_no_further_failure(club: Club) -> None:
    member = await failing(club, days=[10])
    await club.move(4 * HOUR)
    await club.work()
    invoice = (await club.invoices(member))[-1]
    for _ in range(3):
        refused = await club.shop.pay(invoice["hosted_invoice_url"], "4000000000000002")
        assert refused.status_code == 402
    await club.work()
    assert (await club.row(member)).payment_failures == 1
    assert (await club.mails(member)).count("payment_failed") == 1


@pytest.mark.long
async def test_payment_after_suspension_restores(club: Club) -> None:
    member = await failing(club, days=[1, 2, 20])
    await club.pass_time(3 * DAY, by=6 * HOUR)
    assert await club.state(member) == SUSPENDED
    assert (await club.shop.pay((await club.invoices(member))[-1]["hosted_invoice_url"])).status_code == 303
    await club.work()
    assert await club.state(member) == GOOD and (await club.row(member)).suspended_at is None
    assert (await club.mails(member))[-2:] == ["subscription_suspended", "subscription_restored"]


@pytest.mark.long
async def test_one_of_two_open_invoices_does_not_restore(club: Club) -> None:
    member = await failing(club, days=[1, 2])
    await club.pass_time(32 * DAY, by=4 * DAY)
    open_ones = [invoice for invoice in await club.invoices(member) if invoice["status"] == "open"]
    assert len(open_ones) == 2 and await club.state(member) == SUSPENDED
    assert (await club.shop.pay(open_ones[0]["hosted_invoice_url"])).status_code == 303
    await club.work()
    assert (await club.state(member))[1] == "suspended"
    assert (await club.shop.pay(open_ones[1]["hosted_invoice_url"])).status_code == 303
    await club.work()
    assert await club.state(member) == GOOD
    assert (await club.mails(member)).count("subscription_suspended") == 1


@pytest.mark.long
async def test_unpaid_subscription_recovers_by_its_newest_draft(club: Club) -> None:
    member = await failing(club, days=[1, 2], then="unpaid")
    await club.pass_time(64 * DAY, by=8 * DAY)
    assert (await club.at_stripe(member))["status"] == "unpaid" and await club.state(member) == SUSPENDED
    assert [invoice["status"] for invoice in await club.invoices(member)] == ["paid", "open", "draft", "draft"]
    await club.use_card(member, GOOD_CARD)
    await club.work()
    assert [invoice["status"] for invoice in await club.invoices(member)] == ["paid", "paid", "draft", "paid"]
    row = await club.row(member)
    assert await club.state(member) == GOOD and row.expires_at == row.current_period_end_at
    assert await deeds(club, member) == [("pay", "done"), ("collect", "done")]


async def test_new_card_pays_at_once_and_once(club: Club) -> None:
    member = await failing(club, days=[10])
    await club.move(4 * HOUR)
    await club.work()
    await club.use_card(member, GOOD_CARD)
    await club.control("/test/delivery", {"mode": "double"})
    await club.hear()
    await asyncio.gather(club.work(), club.work())
    await club.look()
    assert await deeds(club, member) == [("pay", "done")]
    assert [invoice["amount_paid"] for invoice in await club.invoices(member)] == [2500, 2500]
    charges = await club.stripe.charges.list_async({"customer": member.customer_id, "limit": 100})
    assert sum(charge.amount_captured for charge in charges.data) == 5000
    assert await club.state(member) == GOOD


@pytest.mark.long
async def test_card_that_pays_the_page_pays_what_follows(club: Club) -> None:
    member = await failing(club, days=[10])
    await club.move(4 * HOUR)
    await club.work()
    late = (await club.invoices(member))[-1]
    assert (await club.shop.pay(late["hosted_invoice_url"], "5555555555554444")).status_code == 303
    await club.work()
    own = await club.stripe.payment_methods.retrieve_async((await club.at_stripe(member))["default_payment_method"])
    assert (own.card.last4, await club.state(member)) == ("4444", GOOD)
    assert await deeds(club, member) == []


@pytest.mark.long
async def test_refused_card_is_not_tried_again_by_us(club: Club) -> None:
    member = await failing(club, days=[20])
    await club.move(4 * HOUR)
    await club.work()
    for _ in range(4):
        await club.move(5 * HOUR)
        await club.work()
    assert await deeds(club, member) == []
    await club.use_card(member, "4000000000009987")
    await club.work()
    await club.move(26 * HOUR)
    await club.work()
    assert await deeds(club, member) == [("pay", "card_declined")]
    refused = (await club.stripe.charges.list_async({"customer": member.customer_id, "limit": 100})).data
    assert [charge.status for charge in refused].count("failed") == 2


async def test_days_without_news_and_looks_lose_and_double_nothing(club: Club) -> None:
    member = await failing(club, days=[1, 2, 20])
    await club.control("/test/delivery", {"mode": "drop"})
    await club.move(4 * DAY)
    await asyncio.gather(club.look(), club.look(), club.look())
    await club.work()
    assert await club.state(member) == SUSPENDED
    assert await club.mails(member) == ["renewal_upcoming", *["payment_failed"] * 3, "subscription_suspended"]
    assert await club.steps(member) == ["active", "suspended"]
