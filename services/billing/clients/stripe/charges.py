"""Charges, read."""

from typing import Any

from services.billing.clients.stripe.balance import read_transaction
from services.billing.clients.stripe.gate import StripeGate
from services.billing.domain.charge import ChargeState

_TRANSACTIONS = ("balance_transaction", "failure_balance_transaction")


async def find_charge(gate: StripeGate, charge_id: str) -> ChargeState | None:
    """The charge as it is now, or None where Stripe knows none of that id. Raises StripeRefused, StripeUnavailable."""
    found = await gate.find(gate.v1.charges.retrieve_async(charge_id, {"expand": list(_TRANSACTIONS)}))
    return None if found is None else _charge(found.to_dict())


def _charge(raw: dict[str, Any]) -> ChargeState:
    pending = raw["status"] == "pending"
    expanded = [] if pending else [raw.get(name) for name in _TRANSACTIONS]
    intent = raw.get("payment_intent")
    return ChargeState(
        id=raw["id"],
        intent_id=intent["id"] if isinstance(intent, dict) else intent,
        status=raw["status"],
        has_refunds=raw["amount_refunded"] > 0,
        transactions=tuple(read_transaction(each) for each in expanded if isinstance(each, dict)),
    )
