"""What a server hears of its key while its license is renewed, late, or not."""

from datetime import datetime, timedelta

from tests.integration.billing_payments.conftest import GOOD_CARD
from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, HOUR, Member
from tests.integration.subscription_scenarios.conftest import SERVER, Both, halves_are_proved

SECOND = timedelta(seconds=1)


async def active_server(both: Both) -> tuple[Member, str, datetime]:
    """A member whose one server works, his key, and the end of what is paid."""
    member = await both.joined()
    key = await both.key(member)
    await both.activate(key)
    ends_at = (await both.club.row(member)).expires_at
    assert ends_at is not None
    return member, key, ends_at


async def stopped_for_failures(both: Both) -> tuple[Member, str]:
    await both.club.control("/test/dunning", {"retry_days": [1, 2, 20], "then": "past_due"})
    member, key, ends_at = await active_server(both)
    await both.club.use_card(member, FAILING_CARD)
    await both.club.to(ends_at, plus=2 * DAY + 2 * HOUR)
    await both.work()
    assert await both.verdict(key, SERVER) == "SUSPENDED"
    return member, key


async def test_invoice_that_settles_an_hour_after_the_end_leaves_no_gap(both: Both) -> None:
    member, key, ends_at = await active_server(both)
    await both.club.to(ends_at)
    await both.work()
    assert (await both.club.invoices(member))[-1]["status"] == "draft"
    gap = await both.bear("validate", key, SERVER)
    assert gap.json()["valid"] is True
    await both.club.move(HOUR)
    await both.work()
    assert await both.verdict(key, SERVER) == "VALID"
    assert (await both.licenses(member.account_id))[0]["expires_at"] > f"{ends_at + 27 * DAY:%Y-%m-%d}"


async def test_licenses_end_with_their_grace_though_billing_sleeps(both: Both) -> None:
    member, key, ends_at = await active_server(both)
    await both.club.use_card(member, FAILING_CARD)
    both.club.shop.clock.ahead = ends_at - both.club.shop.clock.real_now() - 5 * SECOND
    assert await both.verdict(key, SERVER) == "VALID"
    both.club.shop.clock.ahead += 10 * SECOND
    assert (await both.bear("validate", key, SERVER)).json()["valid"] is True
    both.club.shop.clock.ahead += 3 * DAY
    assert await both.verdict(key, SERVER) == "EXPIRED"


async def test_payment_after_suspension_finds_the_same_key_and_server(both: Both) -> None:
    member, key = await stopped_for_failures(both)
    assert (await both.bear("activate", key, SERVER)).status_code == 403
    late = (await both.club.invoices(member))[-1]
    assert (await both.club.shop.pay(late["hosted_invoice_url"], GOOD_CARD)).status_code == 303
    await both.work()
    assert await both.key(member) == key and await both.verdict(key, SERVER) == "VALID"
    await both.hand_over()
    assert [template for _, template, _ in both.post.handed] == ["license_welcome"]


@halves_are_proved
async def test_failures_that_nobody_looked_at_are_told_once_each_and_suspend_once(both: Both) -> None:
    member, _ = await stopped_for_failures(both)
    for _ in range(2):
        await both.club.move(6 * HOUR)
        await both.work()
    told = await both.club.mails(member)
    assert told.count("payment_failed") == 3 and told.count("subscription_suspended") == 1
    steps = await both.rows("SELECT action FROM license_steps WHERE action LIKE '%suspend%'")
    assert len(steps) == 1


@halves_are_proved
async def test_late_payment_within_the_grace_counts_from_the_old_end(both: Both) -> None:
    member, key, ends_at = await active_server(both)
    await both.club.use_card(member, FAILING_CARD)
    await both.club.to(ends_at, plus=2 * HOUR)
    await both.work()
    assert (await both.bear("validate", key, SERVER)).json()["valid"] is True
    await both.club.move(DAY)
    await both.club.use_card(member, GOOD_CARD)
    await both.work()
    row = await both.club.row(member)
    assert row.current_period_start_at == ends_at and row.expires_at == row.current_period_end_at
    assert await both.verdict(key, SERVER) == "VALID"
