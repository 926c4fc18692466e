"""Refunds that operators ask for: what goes back, what is refused, and who may ask."""

import asyncio

from services.billing.domain.ledger.items import Verdict
from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
from tests.integration.billing_payments.refunding import (
    REFUND_FAILS,
    at_stripe,
    bought,
    cents,
    credits_agree_with_money,
    intent_of,
    refund,
    refunds_at_stripe,
    settled_as,
    spend,
)


async def test_whole_refund_takes_all_credits_once_however_often_it_is_repeated(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await bought(shop, buyer)
    first = await refund(shop, payment_id, key="once", reason="duplicate")
    again = await refund(shop, payment_id, key="once", reason="duplicate")

    body = first.json()
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert body["id"].startswith("ref_")
    assert (body["payment_id"], body["amount"], body["credits"], body["status"]) == (
        payment_id,
        cents(500),
        5_000,
        "succeeded",
    )
    payment = await shop.payment(buyer, payment_id)
    assert (payment["status"], payment["refunded"]) == ("refunded", cents(500))
    assert await shop.balance(buyer.account_id) == 0
    [at_stripes] = await refunds_at_stripe(shop, payment_id)
    assert at_stripes["metadata"] == {"refund_id": body["id"], "payment_id": payment_id}
    assert at_stripes["reason"] == "duplicate"
    reused = await refund(shop, payment_id, key="once", amount=cents(1))
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    [row] = await shop.rows("SELECT requested_by, reason FROM refunds")
    assert (row.requested_by, row.reason) == (OPERATOR.account_id, "duplicate")
    [told] = await shop.rows("SELECT data FROM outbox WHERE kind = 'payment.refunded'")
    assert told.data["refunded_minor"] == 500
    entry = (await shop.get(buyer, "/api/v1/credits/transactions")).json()["data"][0]
    assert (entry["type"], entry["credits"], entry["reference"]) == ("refund", -5_000, payment_id)
    await shop.all_events_done(4)
    await credits_agree_with_money(shop)


async def test_parts_are_refunded_until_nothing_is_left(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await bought(shop, buyer, 5_001)
    first = await refund(shop, payment_id, amount=cents(167))
    second = await refund(shop, payment_id, amount=cents(167))
    over = await refund(shop, payment_id, amount=cents(168))
    assert (over.status_code, over.json()["code"], over.json()["refundable"]) == (
        422,
        "refund_exceeds_payment",
        cents(167),
    )
    assert (await shop.payment(buyer, payment_id))["status"] == "partially_refunded"
    last = await refund(shop, payment_id)
    done = await refund(shop, payment_id)

    taken = [answer.json()["credits"] for answer in (first, second, last)]
    assert (taken, round(sum(taken) * 1_000)) == ([1_667, 1_667, 1_667], 5_001_000)
    assert (done.status_code, done.json()["code"]) == (409, "not_refundable")
    assert await shop.balance(buyer.account_id) == 0
    mine = (await shop.get(buyer, f"/api/v1/payments/{payment_id}/refunds?limit=2")).json()
    assert [each["id"] for each in mine["data"]] == [last.json()["id"], second.json()["id"]]
    rest = await shop.get(OPERATOR, f"/api/v1/payments/{payment_id}/refunds?after={mine['next']}")
    assert [each["id"] for each in rest.json()["data"]] == [first.json()["id"]]
    assert rest.json()["data"][0]["requested_by"] == OPERATOR.account_id
    assert all({"reason", "requested_by", "failure_reason"}.isdisjoint(each) for each in mine["data"])
    assert (await shop.get(a_customer(), f"/api/v1/payments/{payment_id}/refunds")).status_code == 404
    await credits_agree_with_money(shop)


async def test_role_is_judged_before_the_payment_and_the_payment_before_the_body(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    unpaid = body["payment_id"]
    for payment_id in (unpaid, "pay_of_nobody"):
        refused = await refund(shop, payment_id, caller=buyer, amount="nonsense")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await refund(shop, "pay_of_nobody", amount="nonsense")).status_code == 404
    for amount in (0, -1, 0.5, "100", None, {"amount": 100}, cents(0), cents(-1), {"amount": 100, "currency": "eur"}):
        if amount is not None:
            refused = await refund(shop, unpaid, amount=amount)
            assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), amount
    not_paid = await refund(shop, unpaid)
    assert (not_paid.status_code, not_paid.json()["code"]) == (409, "not_refundable")
    assert await shop.rows("SELECT 1 FROM refunds") == []


async def test_of_ten_whole_refunds_at_once_one_is_made(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await bought(shop, buyer)
    answers = await asyncio.gather(
        *(refund(shop, payment_id, key=f"key-{number}", reason="at once") for number in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"not_refundable"}
    assert len(await refunds_at_stripe(shop, payment_id)) == 1
    assert await shop.balance(buyer.account_id) == 0


async def test_refund_of_spent_credits_freezes_until_more_are_bought(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await bought(shop, buyer)
    assert await spend(shop, buyer.account_id, 4_000_000) is Verdict.POSTED
    assert (await refund(shop, payment_id)).json()["credits"] == 5_000
    assert await shop.balance(buyer.account_id) == -4_000_000
    assert await spend(shop, buyer.account_id, 1) is Verdict.ACCOUNT_FROZEN

    await bought(shop, buyer)
    assert await shop.balance(buyer.account_id) == 1_000_000
    assert await spend(shop, buyer.account_id, 1_000_000) is Verdict.POSTED


async def test_refund_that_fails_later_gives_its_credits_back(shop: Shop) -> None:
    buyer = a_customer()
    payment_id = await bought(shop, buyer, card=REFUND_FAILS)
    made = await refund(shop, payment_id, amount=cents(200))
    [state] = await refunds_at_stripe(shop, payment_id)
    await shop.sandbox_control(f"/test/refunds/{state['id']}/fail", {})
    await settled_as(shop, payment_id, "succeeded", 0)

    assert await shop.balance(buyer.account_id) == 5_000_000
    [listed] = (await shop.get(buyer, f"/api/v1/payments/{payment_id}/refunds")).json()["data"]
    assert (listed["id"], listed["status"], listed["credits"]) == (made.json()["id"], "failed", 0)
    assert len(await shop.rows("SELECT 1 FROM outbox WHERE kind = 'payment.refund_failed'")) == 1
    assert (await refund(shop, payment_id)).json()["amount"] == cents(500)
    await credits_agree_with_money(shop)


async def test_charge_that_stripe_knows_as_disputed_is_not_refunded(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        buyer = a_customer()
        payment_id = await bought(shop, buyer)
        await shop.sandbox_control("/test/delivery", {"mode": "hold"})
        intent = await at_stripe(shop, "GET", f"payment_intents/{await intent_of(shop, payment_id)}")
        await shop.sandbox_control(f"/test/charges/{intent['latest_charge']}/dispute", {})
        refused = await refund(shop, payment_id, key="again")

        assert (refused.status_code, refused.json()["code"]) == (409, "not_refundable")
        assert [row.status for row in await shop.rows("SELECT status FROM refunds")] == ["failed"]
        assert await shop.balance(buyer.account_id) == 5_000_000
        await shop.sandbox_control("/test/delivery", {"mode": "normal"})
        await settled_as(shop, payment_id, "disputed", 0)
        again = await refund(shop, payment_id, key="again", amount=cents(1))
        assert (again.status_code, again.json()["code"]) == (409, "not_refundable")
