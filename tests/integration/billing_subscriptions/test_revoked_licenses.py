"""What an operator's revocation of a license does to the subscription behind it, as licensing's news tells it."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.billing.events.licensing import reader
from shared.contracts.licenses import REVOKED
from tests.integration.billing_subscriptions.conftest import DAY, Club, Member
from tests.integration.billing_subscriptions.test_dunning import deeds

LICENSE = "lic_01JZ0000000000000000000000"


class Feed:
    """Licensing's, as its client reads it."""

    def __init__(self, club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
        self._club = club
        self._events: list[dict[str, Any]] = []
        monkeypatch.setattr(club.billing.licensing.client, "get", self._get)

    async def _get(self, path: str) -> httpx.Response:
        after = int(httpx.URL(path).params["after"])
        return httpx.Response(200, json={"events": self._events[after:]})

    async def tell(self, kind: str = REVOKED, **facts: Any) -> None:
        now = self._club.billing.clock.now().isoformat()
        self._events.append(
            {
                "position": len(self._events) + 1,
                "id": f"event_{len(self._events)}",
                "kind": kind,
                "subject": LICENSE,
                "data": {"license_id": LICENSE, "by": "operator", "reason": "shared", "at": now, **facts},
                "created_at": now,
            }
        )
        await reader(self._club.billing).run_once()


@pytest.fixture
def feed(club: Club, monkeypatch: pytest.MonkeyPatch) -> Feed:
    return Feed(club, monkeypatch)


async def paid_invoices(club: Club, member: Member) -> int:
    return len([each for each in await club.invoices(member) if each["status"] == "paid"])


async def test_subscription_ends_with_its_license_and_is_charged_no_more(club: Club, feed: Feed) -> None:
    member = await club.joined()
    for _ in range(2):
        await feed.tell(subscription_id=member.id)
    assert await club.state(member) == ("canceled", "revoked", "license_revoked")
    assert (await club.at_stripe(member))["status"] == "active", "Stripe is asked once that is committed"
    await club.work()
    assert (await club.at_stripe(member))["status"] == "canceled"
    await club.pass_time(32 * DAY, by=16 * DAY)
    assert await club.mails(member) == ["subscription_canceled"]
    assert (await deeds(club, member), await paid_invoices(club, member)) == ([("cancel", "done")], 1)
    assert (await club.stripe.refunds.list_async({"limit": 1})).data == []
    [step] = await club.shop.rows("SELECT cause, reference FROM subscription_steps WHERE to_status = 'canceled'")
    assert (step.cause, step.reference) == ("license", LICENSE)
    assert (await club.news(member))[-1]["reason"] == "license_revoked"


async def test_charge_that_was_under_way_is_given_back(club: Club, feed: Feed) -> None:
    member = await club.joined()
    await club.control("/test/delivery", {"mode": "hold"})
    ends_at = (await club.row(member)).expires_at
    assert ends_at is not None
    await club.to(ends_at, plus=timedelta(hours=2))
    revoked_at = ends_at - timedelta(minutes=1)
    await feed.tell(subscription_id=member.id, at=revoked_at.isoformat())
    await club.control("/test/delivery", {"mode": "normal"})
    await club.work()
    assert await club.state(member) == ("canceled", "revoked", "license_revoked")
    assert [refund.amount for refund in (await club.stripe.refunds.list_async({"limit": 9})).data] == [2500]
    assert "subscription_renewed" not in await club.mails(member)


async def test_other_news_of_licenses_end_nothing(club: Club, feed: Feed) -> None:
    member = await club.joined()
    await feed.tell(subscription_id=member.id, by="billing")
    await feed.tell("license.suspended", subscription_id=member.id)
    await feed.tell(subscription_id=None)
    await feed.tell(subscription_id="sub_01JZ0000000000000000000000")
    await club.work()
    assert await club.state(member) == ("active", "good", None)
    [cursor] = await club.shop.rows("SELECT position FROM feed_cursors WHERE producer = 'licensing'")
    assert cursor.position == 4
