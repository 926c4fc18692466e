"""Subscriptions as their customers and operators ask for them, over the club of the subscriptions' tests."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.billing.domain.subscriptions.subscription import SubscriptionId
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import GOOD_CARD, OPERATOR, a_customer, open_shop, shop
from tests.integration.billing_subscriptions.conftest import PLAN, Club, Member, club
from tests.support.keys import headers_for

__all__ = ["club", "open_shop", "shop"]

PRO = {
    "id": "license-pro",
    "name": "License, pro",
    "price": {"amount": 10_000, "currency": "usd"},
    "interval": "month",
    "max_activations": 5,
}


@dataclass(frozen=True)
class Customer:
    """One account at the API."""

    club: Club
    caller: Caller

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = headers_for(self.caller, "billing") | ({"idempotency-key": key} if key else {})
        return await self.club.shop.http.post(f"/api/v1/subscriptions{path}", json=body, headers=headers)

    async def get(self, path: str = "") -> httpx.Response:
        return await self.club.shop.get(self.caller, f"/api/v1/subscriptions{path}")

    async def subscribe(self, plan: str = PLAN, *, key: str | None = None, **more: Any) -> dict[str, Any]:
        answer = await self.post("/checkout", {"plan": plan, **more}, key=key)
        assert answer.status_code == 201, answer.text
        begun: dict[str, Any] = answer.json()
        return begun

    async def joined(self, plan: str = PLAN, card: str = GOOD_CARD) -> dict[str, Any]:
        """A subscription that was paid, and billing has heard."""
        begun = await self.subscribe(plan)
        paid = await self.club.shop.pay(begun["checkout_url"], card)
        assert paid.status_code == 303, paid.text
        await self.club.work()
        return await self.read(begun["id"])

    async def read(self, subscription_id: str) -> dict[str, Any]:
        answer = await self.get(f"/{subscription_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def changed(self, subscription_id: str, deed: str, body: Any = None) -> dict[str, Any]:
        answer = await self.post(f"/{subscription_id}/{deed}", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refused(self, subscription_id: str, deed: str, body: Any = None) -> tuple[int, str]:
        answer = await self.post(f"/{subscription_id}/{deed}", body)
        return answer.status_code, answer.json()["code"]

    async def member(self, subscription_id: str) -> Member:
        """The same as the club knows it."""
        [row] = await self.club.shop.rows(
            "SELECT stripe_customer_id, stripe_subscription_id FROM subscriptions WHERE id = $1", subscription_id
        )
        return Member(
            SubscriptionId(subscription_id),
            self.caller.account_id,
            row.stripe_customer_id,
            row.stripe_subscription_id,
        )


@pytest.fixture
def customer(club: Club) -> Customer:
    return Customer(club, a_customer())


async def sell_pro(club: Club, **changes: Any) -> None:
    """A dearer plan is on sale."""
    made = await club.shop.http.post(
        "/api/v1/admin/plans", json=PRO | changes, headers=headers_for(OPERATOR, "billing")
    )
    assert made.status_code == 201, made.text
