"""Plans: the default one, those of operators, and their products and prices at Stripe, each made once."""

import asyncio
from typing import Any

from services.billing.use_cases.plans import make_missing, sync_plans
from tests.integration.billing_payments.conftest import OPERATOR, SECRET_KEY, OpenShop, Shop, a_customer
from tests.support.keys import headers_for

MONTHLY = "license-monthly"
YEARLY = {
    "id": "license-yearly",
    "name": "License, yearly",
    "price": {"amount": 25_000, "currency": "usd"},
    "interval": "year",
    "max_activations": 3,
    "entitlements": ["export", "export", "sso"],
}


async def at_stripe(shop: Shop, path: str) -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {SECRET_KEY}"}
    answer = await shop.http.get(f"{shop.sandbox_url}{path}?limit=100", headers=headers)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def create(shop: Shop, *, key: str | None = None, **changes: Any) -> Any:
    headers = headers_for(OPERATOR, "billing") | ({"idempotency-key": key} if key else {})
    return await shop.http.post("/api/v1/admin/plans", json=YEARLY | changes, headers=headers)


async def test_default_plan_is_public_and_made_once_at_stripe_by_however_many(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, license_plan_id=MONTHLY) as shop:
        await asyncio.gather(*(make_missing(shop.billing) for _ in range(3)))
        await sync_plans(shop.billing)

        [plan] = (await shop.http.get("/api/v1/plans")).json()["data"]
        assert (plan["id"], plan["price"], plan["interval"]) == (MONTHLY, {"amount": 2500, "currency": "usd"}, "month")
        assert (plan["trial_days"], plan["max_activations"]) == (0, 1)
        [product], [price] = await at_stripe(shop, "/v1/products"), await at_stripe(shop, "/v1/prices")
        assert (price["product"], price["unit_amount"], price["recurring"]["interval"]) == (
            product["id"],
            2500,
            "month",
        )
        [kept] = await shop.rows("SELECT stripe_product_id, stripe_price_id FROM plans")
        assert (kept.stripe_product_id, kept.stripe_price_id) == (product["id"], price["id"])


async def test_what_a_lost_database_forgot_is_found_again_and_sold_again(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, license_plan_id=MONTHLY) as shop:
        [made] = (await sync_plans(shop.billing)).plans
        await shop.http.post(
            f"{shop.sandbox_url}/v1/prices/{made.stripe_price_id}",
            data={"active": "false"},
            headers={"authorization": f"Bearer {SECRET_KEY}"},
        )
        await shop.rows("UPDATE plans SET stripe_price_id = NULL, stripe_product_id = NULL RETURNING 1")

        [found] = (await sync_plans(shop.billing)).plans

        assert found == made
        assert [price["active"] for price in await at_stripe(shop, "/v1/prices")] == [True]


async def test_operator_makes_a_plan_once_and_retires_it(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        first, again = await create(shop, key="one"), await create(shop, key="one")
        assert (first.status_code, first.json()) == (201, again.json())
        assert first.json()["entitlements"] == ["export", "sso"]
        assert (await create(shop)).json()["code"] == "name_taken"
        assert [plan["id"] for plan in (await shop.http.get("/api/v1/plans")).json()["data"]] == [YEARLY["id"]]
        assert len(await at_stripe(shop, "/v1/prices")) == 1

        for _ in range(2):
            retired = await shop.post(OPERATOR, "/api/v1/admin/plans/license-yearly/retire")
            assert (retired.status_code, retired.json()["status"]) == (200, "retired")
        assert (await shop.http.get("/api/v1/plans")).json()["data"] == []
        [known] = (await shop.get(OPERATOR, "/api/v1/admin/plans")).json()["data"]
        assert known["status"] == "retired" and known["stripe_price_id"]
        actions = [row.action for row in await shop.rows("SELECT action FROM audit ORDER BY id")]
        assert actions == ["plan.created", "plan.retired"]


async def test_terms_that_nobody_could_be_charged_are_refused(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        for change, pointer in (
            ({"price": {"amount": 0, "currency": "usd"}}, "/price/amount"),
            ({"price": {"amount": 1_234, "currency": "bhd"}}, "/price/amount"),
            ({"interval_count": 4}, "/interval_count"),
            ({"id": "Big"}, "/id"),
            ({"interval": "fortnight"}, "/interval"),
        ):
            refused = await create(shop, **change)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_plans_are_operators_to_make(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        customer = a_customer()
        assert (await shop.http.post("/api/v1/admin/plans", json={})).status_code == 401
        for path in ("/api/v1/admin/plans", "/api/v1/admin/plans/none/retire"):
            assert (await shop.post(customer, path)).json()["code"] == "forbidden"
        assert (await shop.post(OPERATOR, "/api/v1/admin/plans/none/retire")).status_code == 404
