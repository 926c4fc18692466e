"""Requests that bear an Idempotency-Key, over billing's own door."""

from tests.integration.billing_payments.conftest import Shop, a_customer
from tests.support.keys import headers_for


async def test_key_that_was_used_on_another_path_is_refused(shop: Shop) -> None:
    buyer = a_customer()
    headers = {**headers_for(buyer, "billing"), "idempotency-key": "once"}
    bought = await shop.http.post("/api/v1/credits/checkout", json={"credits": 5000}, headers=headers)
    assert bought.status_code == 201
    other = await shop.http.post("/api/v1/payment-methods", json={}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    again = await shop.http.post("/api/v1/credits/checkout", json={"credits": 5000}, headers=headers)
    assert again.json() == bought.json() and again.headers["idempotent-replayed"] == "true"
