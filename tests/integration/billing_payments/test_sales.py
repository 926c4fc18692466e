"""POST /api/v1/payments: sales, from the card that pays to the money book, and what is refused."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.billing.use_cases.expiry import look_after_payments
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
from tests.integration.billing_payments.refunding import at_stripe, cents, refund, settled_as
from tests.integration.billing_payments.selling import (
    ASKS_ITS_OWNER,
    DECLINES,
    DISPUTED,
    book_of,
    device_of,
    sell,
    sell_at_once,
)
from tests.integration.billing_payments.test_reviews import a_wary_fraud, decided
from tests.integration.billing_payments.test_top_ups import mailed
from tests.support.http import eventually

NO_FRAUD: dict[str, Any] = {"fraud_away": True, "fraud_timeout_ms": 20}
RICH: dict[str, Any] = {"tier": "enterprise", "credit_limit_minor": 10_000_000}


async def test_a_sale_is_paid_at_once_adds_no_credits_and_goes_back_in_parts(shop: Shop) -> None:
    buyer = a_customer()
    device_id = await device_of(shop, buyer)
    more = {"business_type": "restaurant", "tip": cents(1_000), "description": "Lunch"}
    sold = await sell(shop, buyer, device_id, key="lunch", **more)
    assert sold.status_code == 201, sold.text
    payment = sold.json()
    assert (payment["status"], payment["type"], payment["amount"], payment["tip"]) == (
        "succeeded",
        "sale",
        cents(2_000),
        cents(1_000),
    )
    of_what = (payment["business_type"], payment["device_id"], payment["description"])
    assert of_what == ("restaurant", device_id, "Lunch")
    assert 0 <= payment["score"] < 70 and "credits" not in payment and "checkout_url" not in payment
    again = await sell(shop, buyer, device_id, key="lunch", **more)
    assert (again.json(), again.headers["idempotent-replayed"]) == (payment, "true")
    assert await shop.payment(buyer, payment["id"]) == payment
    assert await shop.balance(buyer.account_id) == 0

    part = await refund(shop, payment["id"], amount=cents(500))
    assert (part.status_code, part.json()["credits"]) == (201, 0), part.text
    await settled_as(shop, payment["id"], "partially_refunded", 500)

    async def balanced() -> bool:
        book = await book_of(shop)
        return "receivables" not in book and book.get("sales_revenue") == -15_000_000

    await eventually(balanced)
    story = (await shop.get(OPERATOR, f"/api/v1/admin/payments/{payment['id']}/explain")).text
    assert "a sale (restaurant) of" in story and "of it a tip" in story

    others = await sell(shop, a_customer(), device_id)
    assert (others.status_code, others.json()["errors"][0]["pointer"]) == (422, "/device_id")


async def test_a_card_that_is_declined_charges_nothing_and_frees_its_room(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer()
        device_id = await device_of(shop, buyer)
        for _ in range(2):
            refused = await sell(shop, buyer, device_id, 9_000, key="same", payment_method=DECLINES)
            assert (refused.status_code, refused.json()["code"]) == (402, "card_declined"), refused.text
            assert refused.json()["decline_code"] == "generic_decline"
        [row] = await shop.rows("SELECT status, failure_code FROM payments")
        assert (row.status, row.failure_code) == ("failed", "generic_decline")
        assert (await sell(shop, buyer, device_id, 10_000)).json()["status"] == "succeeded"


async def test_a_bank_that_asks_its_customer_gets_him(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer(**RICH)
        device_id = await device_of(shop, buyer)
        sales = [(await sell(shop, buyer, device_id, payment_method=ASKS_ITS_OWNER)).json() for _ in range(4)]
        assert {sale["status"] for sale in sales} == {"requires_action"}
        passes, fails, left, late = sales
        assert all("next_action_url" in sale and "checkout_url" not in sale for sale in sales)
        await shop.http.post(passes["next_action_url"], data={"outcome": "complete"})
        await settled_as(shop, passes["id"], "succeeded", 0)
        await shop.http.post(fails["next_action_url"], data={"outcome": "fail"})
        await settled_as(shop, fails["id"], "failed", 0)
        assert (await shop.post(buyer, f"/api/v1/payments/{left['id']}/cancel")).json()["status"] == "canceled"
        shop.clock.ahead += timedelta(minutes=31)
        await look_after_payments(shop.billing)
        await settled_as(shop, late["id"], "expired", 0)
        intents = (await at_stripe(shop, "GET", "payment_intents?limit=10"))["data"]
        found = {intent["metadata"]["payment_id"]: intent["status"] for intent in intents}
        assert [found[sale["id"]] for sale in sales] == [
            "succeeded",
            "requires_payment_method",
            "canceled",
            "canceled",
        ]


async def test_what_the_rules_refuse_leaves_nothing_behind(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer(tier="new")
        phone, console = await device_of(shop, buyer), await device_of(shop, buyer, "game_console")
        asked = [
            (phone, 49, {}, "amount_out_of_range"),
            (phone, 2_000, {"tip": 1}, "tip_out_of_range"),
            (phone, 2_000, {"business_type": "restaurant", "tip": 1_001}, "tip_out_of_range"),
            (phone, 2_000, {"business_type": "service"}, "verification_required"),
            (console, 500, {}, "device_not_allowed"),
            (phone, 1_001, {}, "credit_limit_exceeded"),
            (phone, 500, {"payment_method": "pm_unknown"}, "validation_failed"),
            (phone, 500, {"business_type": "bakery"}, "validation_failed"),
            (phone, 500, {"tip": {"amount": 1, "currency": "eur"}}, "validation_failed"),
        ]
        for device_id, amount, more, code in asked:
            refused = await sell(shop, buyer, device_id, amount, **more)
            assert refused.json().get("code") == code, (amount, more, refused.text)
        assert await shop.rows("SELECT id FROM payments") == []
        assert (await sell(shop, buyer, phone, 1_000)).json()["status"] == "succeeded"


async def test_sales_at_once_never_exceed_a_limit(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        tiered, player = a_customer(), a_customer(**RICH)
        phone, console = await device_of(shop, tiered), await device_of(shop, player, "game_console")
        by_tier, by_day = await asyncio.gather(
            sell_at_once(shop, tiered, phone, times=5, amount=4_000),
            sell_at_once(shop, player, console, times=5, amount=20_000, business_type="gaming"),
        )
        assert by_tier == ["credit_limit_exceeded"] * 3 + ["succeeded"] * 2
        assert by_day == ["daily_limit_exceeded"] * 3 + ["succeeded"] * 2
        exactly = await sell(shop, player, console, 10_000, business_type="gaming")
        assert exactly.json()["status"] == "succeeded"
        past = await sell(shop, player, console, 99, business_type="gaming")
        assert (past.status_code, past.json()["scope"], past.json()["available"]) == (403, "account", cents(0))
        shop.clock.ahead += timedelta(hours=24, seconds=1)
        assert (await sell(shop, player, console, 99, business_type="gaming")).json()["status"] == "succeeded"


async def test_an_answer_of_stripes_that_is_lost_charges_once(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer(**RICH)
        device_id = await device_of(shop, buyer)
        fault = {"status": 500, "times": 9, "path": "/v1/payment_intents", "after": True}
        await shop.sandbox_control("/test/faults", fault)
        sold = await sell(shop, buyer, device_id)
        assert sold.status_code == 201 and sold.json()["status"] in {"pending", "succeeded"}, sold.text
        await shop.sandbox_control("/test/faults", {**fault, "times": 0})
        await settled_as(shop, sold.json()["id"], "succeeded", 0)
        assert len((await at_stripe(shop, "GET", "payment_intents"))["data"]) == 1


@pytest.mark.long
async def test_a_sale_that_was_never_charged_fails(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer(**RICH)
        device_id = await device_of(shop, buyer)
        fault = {"status": 503, "times": 9, "path": "/v1/payment_intents"}
        await shop.sandbox_control("/test/faults", fault)
        sold = (await sell(shop, buyer, device_id)).json()
        assert sold["status"] == "pending"
        refused = await shop.post(buyer, f"/api/v1/payments/{sold['id']}/cancel")
        assert refused.json()["code"] == "not_cancelable"
        await shop.sandbox_control("/test/faults", {**fault, "times": 0})
        shop.clock.ahead += timedelta(minutes=3)
        await look_after_payments(shop.billing)
        await settled_as(shop, sold["id"], "failed", 0)


async def test_recurring_sales_keep_their_card_and_automated_ones_have_nobody_to_ask(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer(**RICH)
        phone, meter = await device_of(shop, buyer), await device_of(shop, buyer, "iot")
        first = await sell(shop, buyer, phone, business_type="subscription")
        assert first.json()["status"] == "succeeded", first.text

        async def saved() -> list[str]:
            listed = (await shop.get(buyer, "/api/v1/payment-methods")).json()["data"]
            return [card["id"] for card in listed]

        [card_id] = await eventually(saved)
        again = await sell(shop, buyer, phone, business_type="subscription", payment_method=card_id)
        assert again.json()["status"] == "succeeded", again.text
        stolen = await sell(shop, thief := a_customer(**RICH), await device_of(shop, thief), payment_method=card_id)
        assert stolen.json()["errors"][0]["pointer"] == "/payment_method"
        asked = await sell(shop, buyer, meter, business_type="iot", payment_method=ASKS_ITS_OWNER)
        assert (asked.json()["code"], asked.json()["decline_code"]) == ("card_declined", "authentication_required")
        tiny = await sell(shop, buyer, meter, 1, business_type="iot")
        assert (tiny.status_code, tiny.json()["code"]) == (422, "amount_out_of_range")


async def test_a_disputed_sale_takes_no_credits_and_leaves_the_book_even(open_shop: OpenShop) -> None:
    async with open_shop(**NO_FRAUD) as shop:
        buyer = a_customer(**RICH)
        sold = (await sell(shop, buyer, await device_of(shop, buyer), payment_method=DISPUTED)).json()
        await settled_as(shop, sold["id"], "disputed", 0)
        assert await shop.balance(buyer.account_id) == 0

        async def even() -> bool:
            book = await book_of(shop)
            return {"receivables", "sales_revenue", "disputes"} & set(book) == set()

        await eventually(even)


async def test_a_sale_that_is_held_is_charged_once_it_is_approved_and_not_if_it_was_left(shop: Shop) -> None:
    await a_wary_fraud(shop)
    buyer = a_customer(**RICH)
    device_id = await device_of(shop, buyer)
    pays, asks, left = [
        (await sell(shop, buyer, device_id, 5_000, **more)).json()
        for more in ({}, {"payment_method": ASKS_ITS_OWNER}, {})
    ]
    assert {sale["status"] for sale in (pays, asks, left)} == {"in_review"}
    assert (await shop.post(buyer, f"/api/v1/payments/{left['id']}/cancel")).json()["status"] == "canceled"
    for sale in (pays, asks, left):
        await decided(shop, sale["id"], "approved", times=2)
    await settled_as(shop, pays["id"], "succeeded", 0)
    await settled_as(shop, asks["id"], "requires_action", 0)
    await settled_as(shop, left["id"], "canceled", 0)
    page = (await shop.payment(buyer, asks["id"]))["next_action_url"]
    [(template, values)] = await mailed(shop, buyer)
    assert (template, values["checkout_url"], values["amount"]) == ("payment_approved", page, "50.00 USD")
    assert len((await at_stripe(shop, "GET", "payment_intents"))["data"]) == 2
