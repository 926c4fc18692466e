"""Events doubled, in any order, late, or of a kind, state or version that nobody knows: one key, extended once.

Events are kept from billing and then told by the test, with billing's own looks at Stripe left out: what a license is
worth in the end follows from what was told alone.
"""

import asyncio
import random
from typing import Any

import pytest

from tests.integration.billing_payments.conftest import GOOD_CARD, an_event
from tests.integration.billing_subscriptions.conftest import FAILING_CARD, HOUR, Member
from tests.integration.billing_subscriptions.test_beginning import begun_directly
from tests.integration.subscription_scenarios.conftest import Both

Event = dict[str, Any]


async def bought_unheard(both: Both) -> tuple[Member, list[Event]]:
    """A purchase at Stripe's page of which billing has heard nothing, and what there is to tell of it."""
    await both.club.control("/test/delivery", {"mode": "drop"})
    member = await both.club.join()
    return member, await both.told()


def of(events: list[Event], kind: str, **about: Any) -> Event:
    """The first of a kind, whose object has these values."""
    return next(event for event in events if event["type"] == kind and about.items() <= event["data"]["object"].items())


async def renewed_unheard(both: Both, member: Member) -> list[Event]:
    """The second period is paid at Stripe, and billing has heard nothing of it."""
    before = {event["id"] for event in await both.told()}
    await both.club.control("/test/delivery", {"mode": "drop"})
    await both.club.to((await both.club.row(member)).expires_at, plus=HOUR)
    return [event for event in await both.told() if event["id"] not in before]


async def one_good_license(both: Both, member: Member) -> None:
    """One key that is valid until the paid period's end, welcomed once."""
    assert await both.verdict(await both.key(member)) == "VALID"
    row = await both.club.row(member)
    assert await both.club.state(member) == ("active", "good", None) and row.expires_at == row.current_period_end_at
    await both.hand_over()
    assert [template for _, template, _ in both.post.handed] == ["license_welcome"]


async def steps(both: Both) -> list[str]:
    return [row.action for row in await both.rows("SELECT action FROM license_steps ORDER BY seq")]


async def test_one_event_many_times_at_once_makes_one_key_and_one_mail(both: Both) -> None:
    member, events = await bought_unheard(both)
    paid = of(events, "invoice.paid")
    answers = await asyncio.gather(*(both.club.shop.deliver(paid) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    await asyncio.gather(*(both.club.hear() for _ in range(3)))
    await both.deliver(paid)
    await one_good_license(both, member)
    stored = await both.club.shop.rows("SELECT id FROM webhook_events WHERE type = 'invoice.paid'")
    assert len(stored) == 1 and await both.club.steps(member) == ["active"]


async def test_one_fact_under_two_names_and_many_ids_extends_once(both: Both) -> None:
    member = await both.joined()
    events = await renewed_unheard(both, member)
    facts = [of(events, kind) for kind in ("invoice.paid", "invoice.payment_succeeded")]
    again = [{**fact, "id": f"{fact['id']}again{number}"} for fact in facts for number in range(2)]
    await both.deliver(*facts, *again)
    assert await both.club.mails(member) == ["subscription_renewed"]
    assert (await steps(both)).count("extended") == 1
    assert len({news["expires_at"] for news in await both.club.news(member)}) == 2
    await one_good_license(both, member)


async def test_active_before_incomplete_stays_active(both: Both) -> None:
    await both.club.control("/test/delivery", {"mode": "drop"})
    member = await begun_directly(both.club, FAILING_CARD)
    await both.club.use_card(member, GOOD_CARD)
    await both.club.stripe.invoices.pay_async((await both.club.invoices(member))[0]["id"])
    events = await both.told()
    created = of(events, "customer.subscription.created", status="incomplete")
    await both.deliver(of(events, "customer.subscription.updated", status="active"), created)
    await one_good_license(both, member)
    assert await both.club.steps(member) == ["active"]


@pytest.mark.parametrize(
    "order",
    [
        ("invoice.paid", "customer.subscription.created"),
        ("checkout.session.completed", "customer.subscription.created"),
        ("customer.subscription.created", "checkout.session.completed"),
    ],
)
async def test_news_of_a_beginning_in_any_order_make_one_key(both: Both, order: tuple[str, ...]) -> None:
    member, events = await bought_unheard(both)
    for kind in order:
        await both.deliver(of(events, kind))
        await one_good_license(both, member)
    assert await both.club.steps(member) == ["active"]


async def test_events_of_one_second_are_no_order(both: Both) -> None:
    member, events = await bought_unheard(both)
    [first, last] = [of(events, kind) for kind in ("customer.subscription.created", "invoice.paid")]
    first["data"]["object"]["status"] = "incomplete"
    await both.deliver(*({**event, "created": last["created"]} for event in (last, first)))
    await one_good_license(both, member)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))])
async def test_any_order_and_doubling_of_a_life_ends_in_the_same(both: Both, seed: int) -> None:
    member, events = await bought_unheard(both)
    await both.deliver(of(events, "customer.subscription.created"))
    events += await renewed_unheard(both, member)
    shuffled = events * 2
    random.Random(seed).shuffle(shuffled)
    for event in shuffled:
        assert (await both.club.shop.deliver(event)).status_code == 200
    await both.club.hear()
    await both.follow()
    assert await both.club.mails(member) == ["subscription_renewed"]
    assert await steps(both) in (["issued", "extended"], ["issued", "started", "extended"])
    await one_good_license(both, member)


async def test_failure_told_after_the_end_revives_nothing(both: Both) -> None:
    member = await both.joined()
    key = await both.key(member)
    await both.club.use_card(member, FAILING_CARD)
    events = await renewed_unheard(both, member)
    await both.club.stripe.subscriptions.cancel_async(member.stripe_id)
    deleted = of(await both.told(), "customer.subscription.deleted")
    await both.deliver(deleted)
    assert await both.verdict(key) == "REVOKED"
    told = await both.club.mails(member)
    late = [event for event in events if "failed" in event["type"] or "past_due" in str(event)]
    await both.deliver(of(late, "invoice.payment_failed"), *late)
    assert await both.club.state(member) == ("canceled", "revoked", "canceled") and await both.verdict(key) == "REVOKED"
    assert await both.club.mails(member) == told and "payment_failed" not in told
    rows = await both.club.shop.rows("SELECT DISTINCT status FROM webhook_events WHERE type = 'invoice.payment_failed'")
    assert {row.status for row in rows} <= {"handled", "ignored"}


async def test_failure_of_an_invoice_that_was_paid_since_is_none(both: Both) -> None:
    member = await both.joined()
    await both.club.use_card(member, FAILING_CARD)
    failed = of(await renewed_unheard(both, member), "invoice.payment_failed")
    late = (await both.club.invoices(member))[-1]
    assert (await both.club.shop.pay(late["hosted_invoice_url"])).status_code == 303
    await both.deliver(of(await both.told(), "invoice.paid", id=late["id"]), failed)
    assert (await both.club.row(member)).payment_failures == 0
    assert await both.club.mails(member) == ["subscription_renewed"]
    await one_good_license(both, member)


async def test_unknown_types_states_and_versions_are_stored_and_break_nothing(both: Both) -> None:
    member, events = await bought_unheard(both)
    created = of(events, "customer.subscription.created")
    subscription = created["data"]["object"]
    odd: list[Event] = [
        an_event("of.a.kind.to.come", subscription, event_id="evt_odd_type"),
        {**created, "id": "evt_odd_status", "data": {"object": {**subscription, "status": "hibernating"}}},
        {**created, "id": "evt_odd_version", "api_version": "2031-01-01.yew"},
        {**created, "id": "evt_bare", "data": {"object": {"id": member.stripe_id, "object": "subscription"}}},
    ]
    await both.deliver(*odd)
    rows = await both.club.shop.rows("SELECT stripe_event_id AS id, status FROM webhook_events")
    outcomes = {row.id: row.status for row in rows}
    assert [outcomes[event["id"]] for event in odd] == ["ignored", "handled", "handled", "handled"]
    await one_good_license(both, member)


async def test_live_news_and_other_products_news_make_no_key(both: Both) -> None:
    member, events = await bought_unheard(both)
    foreign = await both.club.stripe.subscriptions.create_async(
        {
            "customer": member.customer_id,
            "items": [{"price": (await both.club.plan()).stripe_price_id}],
            "default_payment_method": (await both.club.at_stripe(member))["default_payment_method"],
        }
    )
    await both.deliver(*({**event, "livemode": True} for event in events))
    theirs = [event for event in await both.told() if foreign.id in str(event)]
    assert len(theirs) > 1
    await both.deliver(*theirs)
    assert await both.licenses(member.account_id) == []
    rows = await both.club.shop.rows("SELECT DISTINCT status FROM webhook_events")
    assert [row.status for row in rows] == ["ignored"]


async def test_what_an_event_says_is_not_believed(both: Both) -> None:
    await both.club.control("/test/delivery", {"mode": "drop"})
    member = await begun_directly(both.club, FAILING_CARD)
    created = of(await both.told(), "customer.subscription.created")
    paid = {**created["data"]["object"], "status": "active"}
    await both.deliver({**created, "type": "customer.subscription.updated", "data": {"object": paid}})
    assert await both.verdict(await both.key(member)) == "PENDING"
