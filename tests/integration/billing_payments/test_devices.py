"""A checkout's device, with the real fraud service: the account's own, or nobody's, which is claimed by that."""

from typing import Any

import httpx

from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import Shop, a_customer
from tests.support.keys import headers_for, service_headers

DEVICES = "/api/v1/devices"
PHONE = {"type": "phone", "fingerprint": "b2f5ff47436671b6", "capabilities": ["nfc"]}


async def registered(shop: Shop, owner: Caller | None) -> str:
    """A device of the owner's, or of nobody's."""
    headers = service_headers("fraud") if owner is None else headers_for(owner, "fraud")
    async with httpx.AsyncClient(base_url=shop.billing.settings.fraud_url, trust_env=False) as fraud:
        made = await fraud.post(DEVICES, json=PHONE, headers={**headers, "x-tollgate-caller-ip": "192.0.2.1"})
    return str(made.json()["id"])


async def of(shop: Shop, owner: Caller) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=shop.billing.settings.fraud_url, trust_env=False) as fraud:
        found = await fraud.get(DEVICES, headers=headers_for(owner, "fraud"))
    return [{"id": each["id"], "payments": each["payments"]} for each in found.json()["data"]]


async def test_checkout_claims_a_device_that_is_nobodys_and_takes_no_others(shop: Shop) -> None:
    ada, eve = a_customer(), a_customer()
    own, free = await registered(shop, ada), await registered(shop, None)
    assert (await shop.checkout(ada, device_id=own)).status_code == 201
    assert (await shop.checkout(eve, device_id=free)).status_code == 201
    for buyer, taken in ((ada, free), (eve, own), (eve, "dev_" + "0" * 26)):
        refused = await shop.checkout(buyer, device_id=taken)
        assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/device_id"
    assert await of(shop, ada) == [{"id": own, "payments": 1}]
    assert await of(shop, eve) == [{"id": free, "payments": 1}]
    judged = await shop.rows("SELECT count(*) AS n FROM payments")
    assert judged[0].n == 2
