"""`GET /api/v1/usage/requests/{id}`: what one call left in the ledger, from its hold to its seal."""

from typing import Any
from uuid import UUID

from shared import ids
from tests.integration.billing_ledger.asking import fresh
from tests.integration.billing_ledger.test_doors import CUSTOMER, Ledger, charge, ledger, usage
from tests.support.http import eventually

__all__ = ["ledger"]

ACCOUNT = CUSTOMER.account_id


def txn(value: Any) -> str:
    return ids.encode("txn", UUID(str(value)))


async def story_of(ledger: Ledger, call_id: UUID) -> dict[str, Any]:
    """Under the one id that a gateway gives a call, its hold and its charge."""
    answer = await ledger.get(f"/api/v1/usage/requests/{ids.encode('req', call_id)}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def held(call_id: UUID, amount: int) -> dict[str, Any]:
    item = {"op": "hold", "id": str(call_id), "account_id": ACCOUNT, "amount": amount, "at_least": 1}
    return {**item, "expires_in_ms": 60_000, "usage": usage(call_id)}


async def test_a_captured_call_tells_of_its_hold_its_capture_and_its_seal(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    call_id, capture_id = fresh(), str(fresh())
    await ledger.post_items(held(call_id, 4_000))
    running = await story_of(ledger, call_id)
    assert running["hold"].pop("expires_at")
    assert running["hold"] == {"held": 4, "captured": 0, "state": "open"}
    assert (running["transaction"], running["reversal"], running["sealed_at"]) == (None, None, None)
    capture = {"op": "capture", "id": capture_id, "hold_id": str(call_id), "account_id": ACCOUNT, "amount": 1_500}
    await ledger.post_items({**capture, "usage": usage(call_id, tokens=1_500)})

    async def sealed() -> dict[str, Any] | None:
        story = await story_of(ledger, call_id)
        return story if story["sealed_at"] else None

    story = await eventually(sealed)
    assert (story["transaction"], story["reversal"]) == (txn(capture_id), None)
    assert (story["hold"]["state"], story["hold"]["captured"], story["credits"]) == ("captured", 1.5, 1.5)
    listed = (await ledger.get("/api/v1/credits/transactions?limit=1")).json()["data"][0]
    assert (listed["id"], listed["reference"]) == (story["transaction"], story["request_id"])


async def test_a_call_that_was_given_back_names_its_charge_and_its_reversal(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    call_id, reversal_id = fresh(), str(fresh())
    await ledger.post_items(charge(1_000, id=str(call_id), usage=usage(call_id)))
    reverse = {"op": "reverse", "id": reversal_id, "charge_id": str(call_id), "account_id": ACCOUNT}
    await ledger.post_items({**reverse, "outcome": "upstream_failed"})
    story = await story_of(ledger, call_id)
    assert (story["transaction"], story["reversal"]) == (txn(call_id), txn(reversal_id))
    assert (story["hold"], story["credits"], story["outcome"]) == (None, 0, "upstream_failed")


async def test_a_released_hold_left_no_transaction(ledger: Ledger) -> None:
    await ledger.admin("grants", {"credits": 10, "reason": "Welcome"})
    call_id = fresh()
    release = {"op": "release", "hold_id": str(call_id), "account_id": ACCOUNT, "outcome": "upstream_failed"}
    await ledger.post_items(held(call_id, 4_000), release)
    story = await story_of(ledger, call_id)
    assert (story["hold"]["state"], story["transaction"], story["held"]) == ("released", None, 4)
