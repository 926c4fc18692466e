"""Refunds at Stripe: made once for each of ours, and read."""

from typing import Any

from stripe.params import RefundCreateParams

from services.billing.clients.stripe.balance import read_transaction
from services.billing.clients.stripe.gate import StripeGate
from services.billing.domain.refund import Refund, RefundState
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

_EXPANDED = ["balance_transaction", "failure_balance_transaction"]
_STRIPES_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})
_PAGE = 100
_SUCCEEDED = "succeeded"
"""What refunds from before refunds had a status are."""


async def create_refund(gate: StripeGate, refund: Refund, *, intent_id: str) -> RefundState:
    """Make the refund; once, however often it is asked within Stripe's day of remembering keys. Past that, look with
    `refund_of_ours` first. Raises StripeRefused, StripeUnavailable."""
    made = await gate.ask(
        gate.v1.refunds.create_async(_create_params(refund, intent_id), {"idempotency_key": f"refund-{refund.id}"})
    )
    return _refund(made.to_dict())


async def find_refund(gate: StripeGate, refund_id: str) -> RefundState | None:
    """The refund of Stripe's id as it is now, or None where Stripe knows none."""
    found = await gate.find(gate.v1.refunds.retrieve_async(refund_id, {"expand": list(_EXPANDED)}))
    return None if found is None else _refund(found.to_dict())


async def refunds_of_charge(gate: StripeGate, charge_id: str) -> list[RefundState]:
    """All refunds of a charge as they are now, newest first; none where Stripe knows no such charge."""
    return await _listed(gate, {"charge": charge_id})


async def refund_of_ours(gate: StripeGate, refund: Refund, *, intent_id: str) -> RefundState | None:
    """What Stripe has of a refund that we asked for, or None."""
    made = await _listed(gate, {"payment_intent": intent_id})
    return next((state for state in made if state.refund_id == refund.id), None)


async def _listed(gate: StripeGate, about: dict[str, str]) -> list[RefundState]:
    """Page by page: a charge may have any number of partial refunds."""
    found: list[RefundState] = []
    while True:
        after = {"starting_after": found[-1].id} if found else {}
        listed = await gate.find(
            gate.v1.refunds.list_async(
                {**about, **after, "limit": _PAGE, "expand": [f"data.{name}" for name in _EXPANDED]}
            )
        )
        if listed is None:
            return found
        page: dict[str, Any] = listed.to_dict()
        found += [_refund(raw) for raw in page["data"]]
        if not page["has_more"]:
            return found


def _create_params(refund: Refund, intent_id: str) -> RefundCreateParams:
    params: RefundCreateParams = {
        "payment_intent": intent_id,
        "amount": refund.amount.amount_minor,
        "metadata": {"refund_id": refund.id, "payment_id": refund.payment_id},
        "expand": list(_EXPANDED),
    }
    if refund.reason in _STRIPES_REASONS:
        params["reason"] = refund.reason
    return params


def _refund(raw: dict[str, Any]) -> RefundState:
    return RefundState(
        id=raw["id"],
        refund_id=(raw.get("metadata") or {}).get("refund_id"),
        charge_id=_id_of(raw.get("charge")),
        intent_id=_id_of(raw.get("payment_intent")),
        amount=Money(raw["amount"], raw["currency"]),
        status=raw.get("status") or _SUCCEEDED,
        reason=raw.get("reason"),
        failure_reason=raw.get("failure_reason"),
        transaction=_transaction(raw.get("balance_transaction")),
        failure_transaction=_transaction(raw.get("failure_balance_transaction")),
    )


def _id_of(value: dict[str, Any] | str | None) -> str | None:
    return value["id"] if isinstance(value, dict) else value


def _transaction(value: dict[str, Any] | str | None) -> BalanceTransaction | None:
    """Expanded; an id alone, should an expansion be left out, is left to the balance's own events."""
    return read_transaction(value) if isinstance(value, dict) else None
