"""A purchase, from Stripe's page to the first server that works with its key."""

from dataclasses import replace
from datetime import timedelta

from tests.integration.billing_subscriptions.conftest import DAY, FAILING_CARD, HOUR
from tests.integration.billing_subscriptions.test_beginning import begun_directly
from tests.integration.subscription_scenarios.conftest import SERVER, Both, OpenLicensing, halves_are_proved


async def test_activation_works_at_once_after_the_purchase(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    assert await both.verdict(key, SERVER) == "NOT_ACTIVATED"
    await both.activate(key)
    assert await both.verdict(key, SERVER) == "VALID"
    await both.hand_over()
    assert [(template, values["license_key"]) for _, template, values in both.post.handed] == [("license_welcome", key)]


@halves_are_proved
async def test_incomplete_purchase_has_a_key_that_waits_for_its_payment(both: Both) -> None:
    member = await begun_directly(both.club, FAILING_CARD)
    await both.work()
    key = await both.key(member)
    assert await both.verdict(key) == "PENDING"
    assert (await both.bear("activate", key, SERVER)).status_code == 403
    await both.club.move(22 * HOUR)
    await both.club.use_card(member, "4242424242424242")
    await both.club.stripe.invoices.pay_async((await both.club.invoices(member))[0]["id"])
    await both.work()
    assert await both.key(member) == key and await both.verdict(key) == "VALID"
    await both.hand_over()
    assert [template for _, template, _ in both.post.handed] == ["license_welcome"]


@halves_are_proved
async def test_key_of_what_nobody_paid_in_23_hours_is_worth_nothing(both: Both) -> None:
    member = await begun_directly(both.club, FAILING_CARD)
    await both.work()
    key = await both.key(member)
    await both.club.move(23 * HOUR + timedelta(seconds=1))
    await both.work()
    assert (await both.club.at_stripe(member))["status"] == "incomplete_expired"
    assert await both.verdict(key) == "REVOKED"
    await both.hand_over()
    assert both.post.handed == []


@halves_are_proved
async def test_trial_without_a_card_is_good_until_its_end_and_no_further(both: Both) -> None:
    ends = {"end_behavior": {"missing_payment_method": "pause"}}
    member = await begun_directly(both.club, "", trial_period_days=7, trial_settings=ends)
    await both.work()
    key = await both.key(member)
    assert await both.verdict(key) == "VALID"
    await both.club.move(7 * DAY + HOUR)
    await both.work()
    assert (await both.club.at_stripe(member))["status"] == "paused"
    assert await both.verdict(key) == "SUSPENDED"


@halves_are_proved
async def test_trial_gives_its_days_and_its_first_payment_the_paid_period(both: Both) -> None:
    member = await both.joined(trial_days=7)
    [trial] = await both.licenses(member.account_id)
    assert trial["expires_at"] == _printed((await both.club.row(member)).trial_ends_at)
    await both.club.move(7 * DAY + 2 * HOUR)
    await both.work()
    [paid] = await both.licenses(member.account_id)
    row = await both.club.row(member)
    assert paid["key"] == trial["key"] and row.trial_ends_at is not None and row.expires_at is not None
    assert paid["expires_at"] == _printed(row.current_period_end_at) and row.expires_at > row.trial_ends_at + 27 * DAY


async def test_welcome_that_a_crash_left_unsent_is_sent_by_the_next_process(
    both: Both, open_licensing: OpenLicensing
) -> None:
    member = await both.joined()
    async with open_licensing() as (licensing, http):
        await replace(both, licensing=licensing, http=http).hand_over()
    await both.hand_over()
    [(_, template, values)] = both.post.handed
    assert (template, values["license_key"]) == ("license_welcome", await both.key(member))


async def test_welcome_handed_over_and_not_noted_goes_again_under_its_first_id(both: Both) -> None:
    await both.joined()
    await both.hand_over()
    unnoted = "UPDATE mails SET state = 'waiting', sent_at = NULL, next_attempt_at = '-infinity' RETURNING id"
    assert len(await both.rows(unnoted)) == 1
    await both.hand_over()
    await both.hand_over()
    first, second = both.post.handed
    assert first == second and first[1] == "license_welcome"


def _printed(at: object) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
