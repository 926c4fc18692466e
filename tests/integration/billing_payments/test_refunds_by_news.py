"""Refunds whose news come otherwise: made at Stripe's dashboard, answers lost, events before their payment's, doubled,
shuffled."""

import pytest

from services.billing.clients.stripe.refunds import find_refund
from services.billing.use_cases.refund_making import ask_again
from services.billing.use_cases.refunds import settle_refund
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer, an_event
from tests.integration.billing_payments.refunding import (
    at_stripe,
    bought,
    cents,
    credits_agree_with_money,
    intent_of,
    refund,
    refunds_at_stripe,
    settled_as,
)

EVERY_TRY = 3
"""What the SDK sends of one call."""


async def _lose_refunds_answers(shop: Shop, *, after: bool) -> None:
    await shop.sandbox_control(
        "/test/faults", {"status": 500, "times": EVERY_TRY, "path": "/v1/refunds", "after": after}
    )


async def _bought_unheard_of(shop: Shop, buyer: Caller) -> str:
    """A payment whose credits are there without any event: leaving what is paid settles it."""
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"])
    await shop.post(buyer, f"/api/v1/payments/{body['payment_id']}/cancel")
    payment_id: str = body["payment_id"]
    return payment_id


async def _make_all_due(shop: Shop) -> None:
    await shop.rows("UPDATE refunds SET leased_until = now() RETURNING 1")


async def test_refunds_made_at_stripe_take_credits_once_though_events_are_doubled_and_shuffled(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await bought(shop, buyer)
    intent_id = await intent_of(shop, payment_id)
    await shop.sandbox_control("/test/delivery", {"mode": "shuffle"})
    made = await at_stripe(shop, "POST", "refunds", payment_intent=intent_id, amount="100")
    await shop.sandbox_control("/test/delivery", {"mode": "double"})
    await at_stripe(shop, "POST", "refunds", payment_intent=intent_id, amount="50", reason="requested_by_customer")
    await settled_as(shop, payment_id, "partially_refunded", 150)
    await shop.sandbox_control(f"/test/refunds/{made['id']}/fail", {})
    await settled_as(shop, payment_id, "partially_refunded", 50)
    await shop.sandbox_control("/test/delivery", {"mode": "normal"})
    for _ in range(3):
        await shop.deliver(an_event("charge.refunded", {"id": made["charge"], "object": "charge"}))
    await shop.all_events_done(9)

    assert await shop.balance(buyer.account_id) == 4_500_000
    listed = (await shop.get(OPERATOR, f"/api/v1/payments/{payment_id}/refunds")).json()["data"]
    assert sorted((each["status"], each["credits"], each["reason"]) for each in listed) == [
        ("failed", 0, None),
        ("succeeded", 500, "requested_by_customer"),
    ]
    assert {row.requested_by for row in await shop.rows("SELECT requested_by FROM refunds")} == {None}
    await credits_agree_with_money(shop)


async def test_refund_whose_news_overtakes_its_payments_waits_for_nothing(shop: Shop) -> None:
    buyer = a_customer()
    await shop.sandbox_control("/test/delivery", {"mode": "hold"})
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"])
    session = await at_stripe(shop, "GET", f"checkout/sessions/{body['checkout_url'].rsplit('/', 1)[-1]}")
    made = await at_stripe(shop, "POST", "refunds", payment_intent=session["payment_intent"], amount="100")
    await shop.deliver(an_event("refund.created", {"id": made["id"], "object": "refund"}))
    await settled_as(shop, body["payment_id"], "partially_refunded", 100)
    assert await shop.balance(buyer.account_id) == 4_000_000

    await shop.sandbox_control("/test/delivery", {"mode": "normal"})
    await shop.all_events_done(5)
    assert await shop.balance(buyer.account_id) == 4_000_000
    assert (await shop.payment(buyer, body["payment_id"]))["status"] == "partially_refunded"
    await credits_agree_with_money(shop)


async def test_refund_of_a_charge_that_is_none_of_ours_is_ignored(shop: Shop) -> None:
    intent = await at_stripe(
        shop,
        "POST",
        "payment_intents",
        **{"amount": "500", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"},
        **{"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"},
    )
    made = await at_stripe(shop, "POST", "refunds", payment_intent=intent["id"])
    state = await find_refund(shop.billing.stripe, made["id"])
    assert state is not None
    async with shop.billing.database.transaction() as connection:
        ignored = await settle_refund(shop.billing, connection, state)
    assert ignored is not None
    assert ignored.reason == "no payment here has this charge"
    assert await shop.rows("SELECT 1 FROM refunds") == []


@pytest.mark.long
async def test_lost_answer_is_found_by_the_callers_repeat_without_a_second_refund(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, stripe_total_seconds=10.0) as shop:
        buyer = a_customer()
        payment_id = await _bought_unheard_of(shop, buyer)
        await _lose_refunds_answers(shop, after=True)
        lost = await refund(shop, payment_id, key="once", amount=cents(200))
        assert (lost.status_code, lost.json()["code"]) == (503, "service_unavailable")
        assert await shop.balance(buyer.account_id) == 5_000_000
        over = await refund(shop, payment_id, key="other", amount=cents(301))
        assert (over.status_code, over.json()["refundable"]) == (422, cents(300))
        other = await refund(shop, payment_id, key="once", amount=cents(201))
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

        found = await refund(shop, payment_id, key="once", amount=cents(200))
        again = await refund(shop, payment_id, key="once", amount=cents(200))
        assert (found.status_code, again.status_code, found.json()) == (201, 201, again.json())
        assert found.json()["credits"] == 2_000
        assert len(await refunds_at_stripe(shop, payment_id)) == 1
        assert await shop.balance(buyer.account_id) == 3_000_000


async def test_lost_refund_is_found_though_stripe_has_forgotten_its_key(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, stripe_total_seconds=10.0) as shop:
        buyer = a_customer()
        payment_id = await _bought_unheard_of(shop, buyer)
        await _lose_refunds_answers(shop, after=True)
        assert (await refund(shop, payment_id, amount=cents(100))).status_code == 503
        await shop.sandbox_control("/test/clock/advance", {"seconds": 30 * 3_600})

        await _make_all_due(shop)
        await ask_again(shop.billing)
        assert len(await refunds_at_stripe(shop, payment_id)) == 1
        assert await shop.balance(buyer.account_id) == 4_000_000


async def test_refund_that_stripe_never_got_is_made_by_the_loop(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, stripe_total_seconds=10.0) as shop:
        buyer = a_customer()
        payment_id = await _bought_unheard_of(shop, buyer)
        await _lose_refunds_answers(shop, after=False)
        assert (await refund(shop, payment_id)).status_code == 503
        whole = await refund(shop, payment_id)
        assert (whole.status_code, whole.json()["code"]) == (409, "not_refundable")
        await ask_again(shop.billing)
        assert await refunds_at_stripe(shop, payment_id) == []

        await _make_all_due(shop)
        await ask_again(shop.billing)
        await _make_all_due(shop)
        await ask_again(shop.billing)
        assert len(await refunds_at_stripe(shop, payment_id)) == 1
        assert (await shop.payment(buyer, payment_id))["status"] == "refunded"
        assert await shop.balance(buyer.account_id) == 0


@pytest.mark.long
async def test_refund_that_stripe_refuses_the_loop_lets_go_of_its_share(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False, stripe_total_seconds=10.0) as shop:
        buyer = a_customer()
        payment_id = await _bought_unheard_of(shop, buyer)
        await _lose_refunds_answers(shop, after=False)
        assert (await refund(shop, payment_id, key="mine")).status_code == 503
        made = await at_stripe(shop, "POST", "refunds", payment_intent=await intent_of(shop, payment_id))

        await _make_all_due(shop)
        await ask_again(shop.billing)
        [row] = await shop.rows("SELECT status, failure_reason, asked_key FROM refunds")
        assert (row.status, row.failure_reason, row.asked_key) == ("failed", "charge_already_refunded", None)
        state = await find_refund(shop.billing.stripe, made["id"])
        assert state is not None
        async with shop.billing.database.transaction() as connection:
            assert await settle_refund(shop.billing, connection, state) is None
        assert (await shop.payment(buyer, payment_id))["status"] == "refunded"
        assert (await refund(shop, payment_id, key="mine")).status_code == 409
        await credits_agree_with_money(shop)
