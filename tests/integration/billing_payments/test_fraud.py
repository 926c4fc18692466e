"""Checkout asks fraud, and knows what to do without it."""

import pytest

from tests.integration.billing_payments.conftest import OPERATOR, OpenShop, Shop, a_customer
from tests.support.keys import headers_for


async def test_allowed_payment_bears_its_score(shop: Shop) -> None:
    buyer = a_customer(email_hash="a" * 64, domain_hash="b" * 64)
    body = (await shop.checkout(buyer)).json()
    payment = await shop.payment(buyer, body["payment_id"])
    assert 0 <= payment["score"] < 70
    assert isinstance(payment["reasons"], list)
    [row] = await shop.rows("SELECT assessment_id, flags FROM payments")
    assert row.assessment_id.startswith("asm_")
    assert row.flags == []


async def test_blacklisted_account_is_blocked_and_reserves_nothing(shop: Shop) -> None:
    buyer = a_customer(tier="new")
    fraud = str(shop.billing.settings.fraud_url)
    listed = await shop.http.post(
        f"{fraud}/api/v1/admin/blacklist",
        json={"kind": "account", "value": buyer.account_id, "reason": "a test"},
        headers=headers_for(OPERATOR, "fraud"),
    )
    assert listed.status_code == 201, listed.text
    for _ in range(3):
        refused = await shop.checkout(buyer, 10_000, key="the-same")
        assert (refused.status_code, refused.json()["code"]) == (403, "payment_blocked")
    payments = (await shop.get(buyer, "/api/v1/payments")).json()["data"]
    assert {payment["status"] for payment in payments} == {"blocked"}
    assert all("checkout_url" not in payment and payment["reasons"] for payment in payments)


async def test_without_fraud_payments_go_on_flagged(open_shop: OpenShop) -> None:
    async with open_shop(fraud_away=True) as shop:
        buyer = a_customer()
        body = (await shop.checkout(buyer)).json()
        [row] = await shop.rows("SELECT status, flags, score FROM payments")
        assert (row.status, row.flags, row.score) == ("pending", ["fraud_unavailable"], None)
        await shop.pay(body["checkout_url"])
        await shop.wallet_becomes(buyer.account_id, 5_000_000)


@pytest.mark.long
async def test_without_fraud_payments_over_the_floor_wait_in_review(open_shop: OpenShop) -> None:
    async with open_shop(fraud_away=True, fraud_away_floor_minor=600) as shop:
        buyer = a_customer()
        assert (await shop.checkout(buyer, 6_000)).status_code == 201
        waiting = await shop.checkout(buyer, 6_001)
        assert waiting.status_code == 202
        body = waiting.json()
        assert body == {"payment_id": body["payment_id"], "status": "in_review"}
        assert (await shop.payment(buyer, body["payment_id"]))["status"] == "in_review"


@pytest.mark.long
async def test_payment_in_review_counts_for_the_limit_until_it_is_canceled(open_shop: OpenShop) -> None:
    async with open_shop(fraud_away=True, fraud_away_floor_minor=0) as shop:
        buyer = a_customer(tier="new")
        body = (await shop.checkout(buyer, 10_000)).json()
        assert (await shop.checkout(buyer)).status_code == 403
        assert (await shop.post(buyer, f"/api/v1/payments/{body['payment_id']}/cancel")).json()["status"] == "canceled"
        assert (await shop.checkout(buyer)).status_code == 202
