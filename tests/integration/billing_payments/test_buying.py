"""Buying credits, from the order to the wallet."""

import asyncio
import time

import pytest

from tests.integration.billing_payments.conftest import (
    BAD_CARD,
    OpenShop,
    Shop,
    a_customer,
    session_id_of,
)


async def test_paid_checkout_adds_its_credits_within_two_seconds(shop: Shop) -> None:  # C6
    buyer = a_customer()
    ordered = await shop.checkout(buyer, 7500)
    assert ordered.status_code == 201, ordered.text
    body = ordered.json()
    assert set(body) == {"payment_id", "checkout_url", "expires_at"}
    before = await shop.payment(buyer, body["payment_id"])
    assert (before["status"], before["amount"]) == ("pending", {"amount": 750, "currency": "usd"})
    assert (before["credits"], before["type"]) == (7500, "credits")
    assert before["checkout_url"] == body["checkout_url"]

    paid = await shop.pay(body["checkout_url"])
    began = time.monotonic()
    await shop.wallet_becomes(buyer.account_id, 7_500_000, within_seconds=2)
    took = time.monotonic() - began

    assert paid.status_code == 303
    assert paid.headers["location"].endswith(f"/credits/paid?session_id={session_id_of(body['checkout_url'])}")
    after = await shop.payment(buyer, body["payment_id"])
    assert (after["status"], after["refunded"]) == ("succeeded", {"amount": 0, "currency": "usd"})
    assert "checkout_url" not in after
    assert took < 1.0


@pytest.mark.parametrize(("currency", "minor", "rate"), [("jpy", 775, "155"), ("bhd", 1_880, "0.376")])
async def test_credits_bought_in_another_currency_come_at_the_stated_rate(
    shop: Shop, currency: str, minor: int, rate: str
) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer, currency=currency.upper())).json()
    await shop.pay(body["checkout_url"])
    await shop.wallet_becomes(buyer.account_id, 5_000_000, within_seconds=2)
    payment = await shop.payment(buyer, body["payment_id"])
    assert (payment["amount"], payment["rate"]) == ({"amount": minor, "currency": currency}, rate)


async def test_all_events_of_a_payment_credit_it_once(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await shop.pay(body["checkout_url"])
    await shop.all_events_done(5)

    assert await shop.balance(buyer.account_id) == 5_000_000
    news = await shop.rows("SELECT kind, data FROM outbox WHERE subject = $1 ORDER BY id", body["payment_id"])
    assert [row.kind for row in news] == ["payment.pending", "payment.succeeded"]
    assert news[1].data["millicredits"] == 5_000_000
    statuses = {row.type: row.status for row in await shop.rows("SELECT type, status FROM webhook_events")}
    assert statuses["checkout.session.completed"] == "handled"
    assert statuses["payment_intent.succeeded"] == "handled"
    assert statuses["charge.succeeded"] == "handled"


async def test_payment_page_posted_ten_times_charges_once(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    await asyncio.gather(*(shop.pay(body["checkout_url"], amount="1", credits="99999999") for _ in range(10)))
    await shop.all_events_done(5)
    assert await shop.balance(buyer.account_id) == 5_000_000


async def test_declined_card_leaves_the_payment_pending_and_a_good_one_pays_it(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer)).json()
    declined = await shop.pay(body["checkout_url"], BAD_CARD)
    await shop.all_events_done(2)
    pending = await shop.payment(buyer, body["payment_id"])

    assert declined.status_code == 402
    assert pending["status"] == "pending"
    assert await shop.balance(buyer.account_id) == 0
    await shop.pay(body["checkout_url"])
    await shop.wallet_becomes(buyer.account_id, 5_000_000)


async def test_new_accounts_four_checkouts_at_once_are_two_and_two(shop: Shop) -> None:  # S14
    buyer = a_customer(tier="new")
    answers = await asyncio.gather(*(shop.checkout(buyer) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 201, 403, 403]
    refusal = next(answer.json() for answer in answers if answer.status_code == 403)
    assert refusal["code"] == "credit_limit_exceeded"
    assert refusal["limit"] == {"amount": 1000, "currency": "usd"}
    assert refusal["used"] == {"amount": 1000, "currency": "usd"}
    assert refusal["available"] == {"amount": 0, "currency": "usd"}


async def test_exactly_the_limit_is_allowed_and_an_own_limit_overrides_the_tiers(shop: Shop) -> None:
    assert (await shop.checkout(a_customer(tier="new"), 10_000)).status_code == 201
    assert (await shop.checkout(a_customer(tier="new"), 10_001)).status_code == 403
    assert (await shop.checkout(a_customer(tier="new", credit_limit_minor=500_000), 5_000_000)).status_code == 201
    assert (await shop.checkout(a_customer(tier="verified"), 100_001)).status_code == 403


async def test_same_idempotency_key_makes_one_payment_and_one_answer(shop: Shop) -> None:
    buyer = a_customer()
    first = await shop.checkout(buyer, key="order-1")
    again = await shop.checkout(buyer, key="order-1")
    other = await shop.checkout(buyer, 6000, key="order-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await shop.get(buyer, "/api/v1/payments")).json()["data"]) == 1


async def test_twenty_at_once_with_one_key_make_one_payment(shop: Shop) -> None:
    buyer = a_customer()
    answers = await asyncio.gather(*(shop.checkout(buyer, key="order-1") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len((await shop.get(buyer, "/api/v1/payments")).json()["data"]) == 1


async def test_orders_that_make_no_sense_are_refused_and_make_nothing(shop: Shop) -> None:
    buyer = a_customer()
    for credits in (0, -5000, 4999, 5000.5, "5000", True, None, [5000], 10**30, 10**12):
        answer = await shop.checkout(buyer, credits)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), credits
    for field in (
        {"currency": "xyz"},
        {"currency": "chf"},
        {"currency": "dollars and more"},
        {"device_id": "dev_01JAAAAAAAAAAAAAAAAAAAAAAA"},
        {"success_url": "https://evil.example/"},
        {"success_url": "javascript:alert(1)"},
        {"cancel_url": "http://127.0.0.1/\r\nSet-Cookie: a=b"},
        {"amount": 1},
        {"account_id": "acct_other"},
        {"tier": "enterprise"},
    ):
        answer = await shop.checkout(buyer, **field)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), field
    assert (await shop.get(buyer, "/api/v1/payments")).json()["data"] == []


async def test_refused_device_is_named_by_its_pointer(shop: Shop) -> None:
    answer = await shop.checkout(a_customer(), device_id="dev_01JAAAAAAAAAAAAAAAAAAAAAAA")
    assert answer.json()["errors"] == [{"pointer": "/device_id", "message": "no such device"}]


async def test_own_addresses_are_used_with_their_placeholder(shop: Shop) -> None:
    buyer = a_customer()
    body = (await shop.checkout(buyer, success_url="http://localhost:9/ok?s={CHECKOUT_SESSION_ID}")).json()
    paid = await shop.pay(body["checkout_url"])
    assert paid.headers["location"] == f"http://localhost:9/ok?s={session_id_of(body['checkout_url'])}"


async def test_suspended_account_reads_and_buys_nothing(shop: Shop) -> None:
    buyer = a_customer(status="suspended")
    answer = await shop.checkout(buyer)
    assert (answer.status_code, answer.json()["code"]) == (403, "account_suspended")
    assert (await shop.get(buyer, "/api/v1/payments")).status_code == 200


async def test_nothing_answers_without_a_service_token(shop: Shop) -> None:
    for method, path in (
        ("POST", "/api/v1/credits/checkout"),
        ("GET", "/api/v1/payments"),
        ("GET", "/api/v1/payments/pay_01JAAAAAAAAAAAAAAAAAAAAAAA"),
        ("GET", "/api/v1/admin/webhook-events"),
        ("GET", "/internal/v1/events"),
    ):
        answer = await shop.http.request(method, path, headers={"x-tollgate-account": "acct_1"})
        assert answer.status_code == 401, path


async def test_stripe_away_answers_503_and_reserves_nothing(shop: Shop) -> None:
    buyer = a_customer(tier="new")
    await shop.sandbox_control("/test/faults", {"status": 500, "times": 3, "path": "/v1/checkout/sessions"})
    away = await shop.checkout(buyer, 10_000)

    assert (away.status_code, away.json()["code"]) == (503, "service_unavailable")
    assert "retry-after" in away.headers
    assert (await shop.checkout(buyer, 10_000)).status_code == 201


async def test_answer_of_stripe_that_was_lost_makes_no_second_session(shop: Shop) -> None:
    buyer = a_customer()
    await shop.sandbox_control(
        "/test/faults", {"status": 500, "times": 1, "path": "/v1/checkout/sessions", "after": True}
    )
    body = (await shop.checkout(buyer)).json()
    assert (await shop.pay(body["checkout_url"])).status_code == 303
    await shop.wallet_becomes(buyer.account_id, 5_000_000)


async def test_silent_stripe_is_given_up_in_time(open_shop: OpenShop) -> None:
    async with open_shop(stripe_timeout_seconds=0.3, stripe_total_seconds=0.5) as shop:
        await shop.sandbox_control("/test/faults", {"status": 500, "times": 5, "path": "/v1", "delay_ms": 5000})
        began = time.monotonic()
        answer = await shop.checkout(a_customer())
        assert answer.status_code == 503
        assert time.monotonic() - began < 3


async def test_without_stripes_key_checkout_is_unavailable(open_shop: OpenShop) -> None:
    async with open_shop(stripe_secret_key="") as shop:
        assert (await shop.checkout(a_customer())).status_code == 503
        health = (await shop.http.get("/health")).json()
        assert health["status"] == "degraded"


async def test_health_is_whole_with_everything_there(shop: Shop) -> None:
    health = (await shop.http.get("/health")).json()
    assert health["status"] == "ok"
    assert set(health["checks"]) == {"database", "redis", "stripe"}
