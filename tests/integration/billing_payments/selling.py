"""What tests of sales have in common."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx

from shared.ids import new_id
from shared.service_auth import Caller
from tests.integration.billing_payments.conftest import Shop
from tests.support.keys import headers_for

GOOD, DECLINES, ASKS_ITS_OWNER, DISPUTED = (
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_authenticationRequired",
    "pm_card_createDispute",
)


async def device_of(shop: Shop, owner: Caller, kind: str = "phone") -> str:
    """A device of the owner's that billing has been told of."""
    device_id = new_id("dev", at=datetime.now(UTC))
    await shop.rows(
        "INSERT INTO devices (id, type, capabilities, account_id) VALUES ($1, $2, '{}', $3) RETURNING id",
        device_id,
        kind,
        owner.account_id,
    )
    return device_id


async def sell(
    shop: Shop, buyer: Caller, device_id: str, amount: int = 2_000, *, key: str | None = None, **more: Any
) -> httpx.Response:
    headers = headers_for(buyer, "billing") | ({"idempotency-key": key} if key else {})
    body = {
        "business_type": "retail",
        "amount": {"amount": amount, "currency": "usd"},
        "device_id": device_id,
        "payment_method": GOOD,
        **more,
    }
    return await shop.http.post("/api/v1/payments", json=body, headers=headers)


async def sell_at_once(shop: Shop, buyer: Caller, device_id: str, *, times: int, **more: Any) -> list[str]:
    """Status or code of as many sales, asked for at the same time, sorted."""
    answers = await asyncio.gather(*(sell(shop, buyer, device_id, **more) for _ in range(times)))
    return sorted(answer.json().get("code") or answer.json()["status"] for answer in answers)


async def book_of(shop: Shop) -> dict[str, int]:
    """What the money book holds of each ledger account, in micros; of those that hold anything."""
    rows = await shop.rows("SELECT ledger_account, sum(micros)::bigint AS micros FROM money_entries GROUP BY 1")
    return {row.ledger_account: row.micros for row in rows if row.micros}
