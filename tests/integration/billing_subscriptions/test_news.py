"""What is heard: doubled, shuffled, late, in an old shape, or not at all."""

import asyncio
import json

import pytest

from services.billing.use_cases.subscription_monitoring import (
    monitoring_state,
    start_monitoring,
    stop_monitoring,
    watch_subscriptions,
)
from tests.integration.billing_subscriptions.conftest import DAY, HOUR, Club


@pytest.mark.parametrize("mode", ["double", pytest.param("shuffle", marks=pytest.mark.long)])
async def test_doubled_or_shuffled_news_ends_in_the_same(club: Club, mode: str) -> None:
    await club.control("/test/delivery", {"mode": mode})
    member = await club.joined()
    await club.pass_time(31 * DAY + 2 * HOUR, by=16 * DAY)
    row = await club.row(member)
    assert await club.state(member) == ("active", "good", None) and row.expires_at == row.current_period_end_at
    assert await club.mails(member) == ["subscription_renewed"]
    assert await club.steps(member) == ["active"]


async def test_events_told_backwards_end_in_the_same(club: Club) -> None:
    await club.control("/test/delivery", {"mode": "drop"})
    member = await club.join()
    listed = (await club.stripe.events.list_async({"limit": 100})).to_dict()["data"]
    listed = json.loads(json.dumps(listed, default=str))
    told = [event for event in listed if event["type"].split(".")[0] in {"customer", "invoice", "checkout"}]
    assert len(told) > 5
    for event in told:
        assert (await club.shop.deliver(event)).status_code == 200
        await club.work()
    assert await club.state(member) == ("active", "good", None)
    assert await club.steps(member) == ["active"]
    versions = [news["version"] for news in await club.news(member)]
    assert versions == [2]


async def test_many_events_at_once_extend_once(club: Club) -> None:
    await club.control("/test/delivery", {"mode": "hold"})
    member = await club.join()
    await club.control("/test/delivery", {"mode": "normal"})
    await asyncio.gather(*(club.work() for _ in range(4)))
    assert await club.state(member) == ("active", "good", None)
    assert [news["version"] for news in await club.news(member)] == [2]


async def test_old_shapes_of_events_say_the_same(club: Club) -> None:
    await club.control("/test/delivery", {"mode": "normal", "api_version": "2020-03-02"})
    member = await club.joined()
    row = await club.row(member)
    assert await club.state(member) == ("active", "good", None) and row.current_period_end_at is not None


async def test_missed_renewal_is_found_by_the_next_look(club: Club) -> None:
    member = await club.joined()
    before = await club.row(member)
    await club.control("/test/delivery", {"mode": "drop"})
    await club.to(before.expires_at, plus=2 * HOUR)
    assert (await club.row(member)).expires_at == before.expires_at
    await club.look()
    after = await club.row(member)
    assert after.expires_at is not None and before.expires_at is not None
    assert after.expires_at > before.expires_at and after.check_at is not None
    assert after.check_at - club.billing.clock.now() <= HOUR
    assert await club.mails(member) == ["subscription_renewed"]


async def test_missed_beginning_and_missed_end_of_a_page_are_found_by_the_next_look(club: Club) -> None:
    await club.control("/test/delivery", {"mode": "drop"})
    member, (left, _), (lost, _) = await club.join(), await club.order(), await club.order()
    await club.stripe.checkout.sessions.expire_async(left.session_id)
    await club.shop.rows("UPDATE subscriptions SET check_at = created_at RETURNING id")
    await club.shop.rows("UPDATE subscriptions SET session_id = NULL WHERE id = $1 RETURNING id", lost.id)
    await club.look()
    assert await club.state(member) == ("active", "good", None)
    assert await club.state(left) == ("expired", "void", "never_paid")
    assert await club.state(lost) == ("incomplete", "pending", "never_paid")
    await club.move(2 * HOUR)
    await club.look()
    assert await club.state(lost) == ("expired", "void", "never_paid")


async def test_missed_beginning_is_found_by_any_news_of_it(club: Club) -> None:
    await club.control("/test/delivery", {"mode": "drop"})
    member = await club.join()
    await club.control("/test/delivery", {"mode": "normal"})
    await club.stripe.subscriptions.update_async(member.stripe_id, {"description": "seen"})
    await club.work()
    assert await club.state(member) == ("active", "good", None)


async def test_stopped_monitoring_looks_at_nothing_until_it_is_started(club: Club) -> None:
    member = await club.joined()
    await stop_monitoring(club.billing, by="acct_operator")
    state = await stop_monitoring(club.billing, by="acct_another")
    assert (state.running, state.changed_by) == (False, "acct_operator")
    await club.move(2 * HOUR)
    before = await club.row(member)
    await watch_subscriptions(club.billing)
    assert await club.row(member) == before and (await monitoring_state(club.billing)).due == 1
    await start_monitoring(club.billing, by="acct_operator")
    await watch_subscriptions(club.billing)
    state = await monitoring_state(club.billing)
    assert (state.running, state.due) == (True, 0) and state.looked_at is not None


async def test_dispute_suspends_though_monitoring_is_stopped(club: Club) -> None:
    member = await club.joined()
    [charge] = (await club.stripe.charges.list_async({"limit": 100})).data
    await stop_monitoring(club.billing, by="acct_operator")
    await club.control(f"/test/charges/{charge.id}/dispute", {})
    await club.work()
    await watch_subscriptions(club.billing)
    assert await club.state(member) == ("suspended", "suspended", "dispute")


async def test_look_that_fails_is_taken_again(club: Club) -> None:
    member = await club.joined()
    await club.move(2 * HOUR)
    await club.control("/test/faults", {"status": 500, "times": 10, "path": "/v1/subscriptions"})
    await watch_subscriptions(club.billing)
    assert (await monitoring_state(club.billing)).due == 1
    await club.control("/test/faults", {"status": 500, "times": 0, "path": "/v1/subscriptions"})
    await club.shop.rows("UPDATE subscriptions SET leased_until = '-infinity' RETURNING id")
    await watch_subscriptions(club.billing)
    assert (await monitoring_state(club.billing)).due == 0 and await club.state(member) == ("active", "good", None)
