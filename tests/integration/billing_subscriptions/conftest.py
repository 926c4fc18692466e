"""Subscriptions over the shop of the payments' tests, with a clock that moves the sandbox and billing together.

Billing's loops do not run by themselves: `Club.work` runs them until there is nothing more to do, so that a test says
when what was heard, and what time brought, is dealt with.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing.clients.stripe.subscribing import NewPage, create_page
from services.billing.domain.subscriptions.plan import Plan
from services.billing.domain.subscriptions.subscription import PREFIX, Reason, Subscription, SubscriptionId
from services.billing.service import Billing
from services.billing.store import plans, subscriptions
from services.billing.use_cases.plans import make_missing
from services.billing.use_cases.saved_cards import customer_of
from services.billing.use_cases.subscription_deeds import do_deeds
from services.billing.use_cases.subscription_monitoring import watch_subscriptions
from services.billing.use_cases.webhook_worker import work_on_events
from shared.ids import new_id
from tests.integration.billing_payments.conftest import GOOD_CARD, OpenShop, Shop, open_shop  # noqa: F401

FAILING_CARD = "4000000000000341"
PLAN = "license-monthly"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Member:
    """One account with its subscription."""

    id: SubscriptionId
    account_id: str
    customer_id: str
    stripe_id: str


@dataclass(frozen=True)
class Club:
    shop: Shop

    @property
    def billing(self) -> Billing:
        return self.shop.billing

    @property
    def stripe(self) -> Any:
        """The SDK's services."""
        return self.billing.stripe.v1

    async def plan(self, plan_id: str = PLAN) -> Plan:
        async with self.billing.database.transaction() as connection:
            found = await plans.find(connection, plan_id)
        assert found is not None and found.stripe_price_id is not None
        return found

    async def order(self, *, trial_days: int = 0) -> tuple[Subscription, str]:
        """A subscription of ours with the page that begins it."""
        now, plan = self.billing.clock.now(), await self.plan()
        account_id = new_id("acct", at=datetime.now(UTC))
        customer_id = await customer_of(self.billing, account_id)
        wanted = SubscriptionId(new_id(PREFIX, at=datetime.now(UTC)))
        page = await create_page(
            self.billing.stripe,
            NewPage(
                subscription_id=wanted,
                account_id=account_id,
                customer_id=customer_id,
                price_id=plan.stripe_price_id or "",
                trial_days=trial_days,
                success_url="http://127.0.0.1:9/done",
                cancel_url="http://127.0.0.1:9/left",
                expires_at=now + timedelta(hours=23),
            ),
        )
        subscription = Subscription(
            wanted,
            account_id,
            plan.id,
            plan.price,
            now,
            stripe_customer_id=customer_id,
            session_id=page.id,
            reason=Reason.NEVER_PAID,
        )
        async with self.billing.database.transaction() as connection:
            await subscriptions.insert(connection, subscription)
        assert page.url is not None
        return subscription, page.url

    async def join(self, *, trial_days: int = 0, card: str = GOOD_CARD) -> Member:
        """One who has subscribed at the page, as Stripe has it; billing has not heard yet."""
        subscription, url = await self.order(trial_days=trial_days)
        paid = await self.shop.pay(url, card)
        assert paid.status_code == 303, paid.text
        assert subscription.stripe_customer_id is not None
        listed = await self.stripe.subscriptions.list_async({"customer": subscription.stripe_customer_id})
        return Member(
            subscription.id, subscription.account_id, subscription.stripe_customer_id, listed.to_dict()["data"][0]["id"]
        )

    async def joined(self, **more: Any) -> Member:
        """The same, and billing has heard."""
        member = await self.join(**more)
        await self.work()
        return member

    async def row(self, member: Member | Subscription) -> Subscription:
        async with self.billing.database.transaction() as connection:
            found = await subscriptions.find(connection, member.id)
        assert found is not None
        return found

    async def state(self, member: Member | Subscription) -> tuple[str, str, str | None]:
        """Status, standing and reason."""
        found = await self.row(member)
        return found.status.value, found.standing.value, found.reason.value if found.reason else None

    async def use_card(self, member: Member, number: str) -> None:
        """The customer's default card from now on, and the subscription's own."""
        await self.control(f"/test/customers/{member.customer_id}/card", {"number": number})

    async def control(self, path: str, body: dict[str, Any]) -> None:
        await self.shop.sandbox_control(path, body)

    async def move(self, step: timedelta) -> None:
        """Move both clocks. What that brings is not dealt with yet."""
        answer = await self.shop.http.post(
            f"{self.shop.sandbox_url}/test/clock/advance", json={"seconds": int(step.total_seconds())}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        self.shop.clock.ahead += step

    async def to(self, at: datetime | None, *, plus: timedelta = timedelta()) -> None:
        """Move to an instant of business time, and a little past it."""
        assert at is not None
        left = at + plus - self.billing.clock.now()
        await self.move(timedelta(seconds=int(left.total_seconds()) + 1))

    async def pass_time(self, step: timedelta, *, by: timedelta = HOUR * 12) -> None:
        """Let time pass with everybody at work."""
        while step > timedelta():
            await self.move(min(step, by))
            await self.work()
            step -= by

    async def hear(self) -> None:
        """Let all that Stripe tells be stored and dealt with."""
        while True:
            while (
                (await self.shop.http.get(f"{self.shop.sandbox_url}/test/delivery")).json()["deliveries"].get("pending")
            ):
                await asyncio.sleep(0.005)
            if not await work_on_events(self.billing):
                return

    async def look(self) -> None:
        while await watch_subscriptions(self.billing):
            pass

    async def work(self) -> None:
        """All that is to be done by now."""
        while True:
            await self.hear()
            await self.look()
            if not await self.shop.rows("SELECT id FROM subscription_deeds WHERE done_at IS NULL AND due_at <= now()"):
                return
            await do_deeds(self.billing)

    async def mails(self, member: Member) -> list[str]:
        """What the account was told, in order."""
        rows = await self.shop.rows(
            "SELECT template FROM mails WHERE account_id = $1 ORDER BY created_at, id", member.account_id
        )
        return [row.template for row in rows]

    async def steps(self, member: Member) -> list[str]:
        rows = await self.shop.rows(
            "SELECT to_status FROM subscription_steps WHERE subscription_id = $1 ORDER BY seq", member.id
        )
        return [row.to_status for row in rows]

    async def news(self, member: Member) -> list[dict[str, Any]]:
        rows = await self.shop.rows("SELECT data FROM outbox WHERE subject = $1 ORDER BY written", member.id)
        return [row.data for row in rows]

    async def invoices(self, member: Member) -> list[dict[str, Any]]:
        """As Stripe has them, the oldest first."""
        listed = await self.stripe.invoices.list_async({"subscription": member.stripe_id, "limit": 100})
        return list(reversed(listed.to_dict()["data"]))

    async def at_stripe(self, member: Member) -> dict[str, Any]:
        found = await self.stripe.subscriptions.retrieve_async(member.stripe_id)
        raw: dict[str, Any] = found.to_dict()
        return raw


@pytest.fixture
async def club(open_shop: OpenShop) -> AsyncIterator[Club]:  # noqa: F811
    async with open_shop(run_workers=False, fraud_away=True, license_plan_id=PLAN) as shop:
        await make_missing(shop.billing)
        yield Club(shop)
