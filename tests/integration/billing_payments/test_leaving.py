"""Payments that are left, canceled, expired, or paid too late."""

import asyncio
from datetime import timedelta

import pytest

from services.billing.use_cases.expiry import look_after_payments
from tests.integration.billing_payments.conftest import (
    BAD_CARD,
    OPERATOR,
    OpenShop,
    Shop,
    a_customer,
    an_event,
    session_id_of,
)
from tests.support.http import eventually

HALF_AN_HOUR = timedelta(minutes=30, seconds=1)


async def test_left_checkout_expires_after_thirty_minutes_and_frees_its_reservation(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer(tier="new")
        body = (await shop.checkout(buyer, 10_000)).json()
        assert (await shop.checkout(buyer)).status_code == 403
        await look_after_payments(shop.billing)
        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "pending"

        shop.clock.ahead += HALF_AN_HOUR
        await look_after_payments(shop.billing)

        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "expired"
        assert (await shop.checkout(buyer, 10_000)).status_code == 201
        assert (await shop.pay(body["checkout_url"])).status_code != 303


async def test_look_at_a_silent_payment_does_not_put_its_expiry_off(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        await shop.rows("UPDATE payments SET poll_at = now() RETURNING 1")
        await look_after_payments(shop.billing)
        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "pending"

        shop.clock.ahead += HALF_AN_HOUR
        await look_after_payments(shop.billing)
        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "expired"


async def test_page_paid_at_the_last_moment_is_credited_not_expired(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        await shop.pay(body["checkout_url"])
        shop.clock.ahead += HALF_AN_HOUR
        await asyncio.gather(*(look_after_payments(shop.billing) for _ in range(3)))

        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "succeeded"
        assert await shop.balance(buyer.account_id) == 5_000_000


async def test_payment_whose_events_were_lost_is_found_by_asking(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        await shop.sandbox_control("/test/delivery", {"mode": "drop"})
        await shop.pay(body["checkout_url"])
        await look_after_payments(shop.billing)
        assert await shop.balance(buyer.account_id) == 0
        await shop.rows("UPDATE payments SET poll_at = now() RETURNING 1")
        await look_after_payments(shop.billing)
        assert await shop.balance(buyer.account_id) == 5_000_000


@pytest.mark.long
async def test_window_of_the_limit_rolls(open_shop: OpenShop) -> None:  # S14
    async with open_shop(fraud_away=True, fraud_away_floor_minor=0) as shop:
        buyer = a_customer(tier="new")
        assert (await shop.checkout(buyer, 10_000)).status_code == 202
        shop.clock.ahead += timedelta(hours=23, minutes=59)
        assert (await shop.checkout(buyer)).status_code == 403
        shop.clock.ahead += timedelta(minutes=2)
        assert (await shop.checkout(buyer, 10_000)).status_code == 202


async def test_checkout_that_died_before_its_page_is_freed_after_two_minutes(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer(tier="new")
        await shop.checkout(buyer, 10_000)
        await shop.rows("UPDATE payments SET session_id = NULL, checkout_url = NULL RETURNING 1")
        await look_after_payments(shop.billing)
        assert (await shop.checkout(buyer)).status_code == 403
        shop.clock.ahead += timedelta(minutes=2, seconds=1)
        await look_after_payments(shop.billing)
        assert (await shop.checkout(buyer, 10_000)).status_code == 201


async def test_payment_stays_reserved_while_stripe_can_not_say_what_became_of_it(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer(tier="new")
        body = (await shop.checkout(buyer, 10_000)).json()
        shop.clock.ahead += HALF_AN_HOUR
        await shop.sandbox_control("/test/faults", {"status": 500, "times": 50, "path": "/v1"})
        await look_after_payments(shop.billing)
        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "pending"


async def test_canceled_payment_frees_its_reservation_and_its_page_ends(shop: Shop) -> None:
    buyer = a_customer(tier="new")
    body = (await shop.checkout(buyer, 10_000)).json()
    canceled = await shop.post(buyer, f"/api/v1/payments/{body['payment_id']}/cancel")
    again = await shop.post(buyer, f"/api/v1/payments/{body['payment_id']}/cancel")

    assert (canceled.status_code, canceled.json()["status"]) == (200, "canceled")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    assert (await shop.pay(body["checkout_url"])).status_code != 303
    assert (await shop.checkout(buyer, 10_000)).status_code == 201
    await shop.all_events_done(1)
    assert (await shop.payment(buyer, body["payment_id"]))["status"] == "canceled"


async def test_declined_and_then_canceled_payment_stays_canceled(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"], BAD_CARD)
    assert (await shop.post(buyer, f"/api/v1/payments/{body['payment_id']}/cancel")).status_code == 200
    await shop.all_events_done(4)
    assert (await shop.payment(buyer, body["payment_id"]))["status"] == "canceled"


async def test_canceling_what_is_paid_says_so_and_credits_it(open_shop: OpenShop) -> None:
    async with open_shop(run_workers=False) as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        await shop.pay(body["checkout_url"])
        refused = await shop.post(buyer, f"/api/v1/payments/{body['payment_id']}/cancel")

        assert (refused.status_code, refused.json()["code"]) == (409, "payment_already_paid")
        assert await shop.balance(buyer.account_id) == 5_000_000


async def test_paying_and_canceling_at_once_ends_in_one_of_the_two(shop: Shop) -> None:
    for _ in range(5):
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        path = f"/api/v1/payments/{body['payment_id']}/cancel"
        paid, canceled = await asyncio.gather(shop.pay(body["checkout_url"]), shop.post(buyer, path))
        if paid.status_code == 303:
            assert canceled.status_code == 409
            await shop.wallet_becomes(buyer.account_id, 5_000_000)
        else:
            assert canceled.status_code == 200
            assert await shop.balance(buyer.account_id) == 0


async def test_money_that_comes_after_the_end_is_credited_and_flagged(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        await shop.rows("UPDATE payments SET status = 'canceled' RETURNING 1")
        await shop.pay(body["checkout_url"])
        await shop.wallet_becomes(buyer.account_id, 5_000_000)
        [row] = await shop.rows("SELECT status, flags FROM payments")
        assert (row.status, row.flags) == ("succeeded", ["late_money"])


async def test_old_event_after_a_new_one_changes_nothing(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"])
    await shop.wallet_becomes(buyer.account_id, 5_000_000)
    about = {"id": session_id_of(body["checkout_url"]), "status": "expired", "payment_status": "unpaid"}
    for kind in ("checkout.session.expired", "checkout.session.async_payment_failed"):
        await shop.deliver(an_event(kind, about))
    await shop.all_events_done(7)
    assert (await shop.payment(buyer, body["payment_id"]))["status"] == "succeeded"


async def test_another_accounts_payment_is_not_found_like_none(shop: Shop) -> None:
    mine, other = a_customer(), a_customer()
    body = (await shop.checkout(mine)).json()
    for path in (f"/api/v1/payments/{body['payment_id']}", "/api/v1/payments/pay_01JAAAAAAAAAAAAAAAAAAAAAAA"):
        read = await shop.get(other, path)
        left = await shop.post(other, f"{path}/cancel")
        assert (read.status_code, left.status_code) == (404, 404)
        assert read.json()["detail"] == left.json()["detail"] == "There is no such payment."
    assert (await shop.payment(mine, body["payment_id"]))["status"] == "pending"
    cursor = await shop.get(other, f"/api/v1/payments?after={body['payment_id']}")
    assert (cursor.status_code, cursor.json()["code"]) == (422, "invalid_cursor")


async def test_ids_of_no_shape_are_not_found(shop: Shop) -> None:
    for odd in ("x", "pay_%00", "pay_" + "Z" * 26, "%C3%A9", "pay_%27%20OR%201=1"):
        assert (await shop.get(a_customer(), f"/api/v1/payments/{odd}")).status_code == 404
        assert (await shop.post(a_customer(), f"/api/v1/payments/{odd}/cancel")).status_code == 404
        assert (await shop.post(OPERATOR, f"/api/v1/admin/webhook-events/{odd}/replay")).status_code == 404


async def test_payments_are_listed_newest_first_in_pages(shop: Shop) -> None:
    buyer = a_customer()
    made = [(await shop.checkout(buyer)).json()["payment_id"] for _ in range(3)]
    first = (await shop.get(buyer, "/api/v1/payments?limit=2")).json()
    second = (await shop.get(buyer, f"/api/v1/payments?limit=2&after={first['next']}")).json()

    assert [payment["id"] for payment in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)
    for cursor in ("", "x", "%00", "pay_%00", "pay_01JAAAAAAAAAAAAAAAAAAAAAAA", "%ff"):
        refused = await shop.get(buyer, f"/api/v1/payments?after={cursor}")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_cursor"), cursor
    for wrong in ("limit=0", "limit=101", "limit=-1", "limit=abc"):
        assert (await shop.get(buyer, f"/api/v1/payments?{wrong}")).status_code == 422


@pytest.mark.long
async def test_running_loops_expire_on_their_own(open_shop: OpenShop) -> None:
    async with open_shop() as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        shop.clock.ahead += HALF_AN_HOUR

        async def expired() -> bool:
            return (await shop.payment(buyer, body["payment_id"]))["status"] == "expired"

        await eventually(expired, within_seconds=10)
