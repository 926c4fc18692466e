"""Disputes at Stripe: read, and argued."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from services.billing.clients.stripe.balance import read_transaction
from services.billing.clients.stripe.gate import StripeGate
from services.billing.domain.dispute import Dispute, DisputeState, Evidence
from shared.money import Money

_EXPANDED = ["charge"]
"""For the payment that we labelled it with, and the card's fingerprint; nothing else of it is read."""
_MOST = 100
"""A charge has one dispute, seldom a second."""


async def find_dispute(gate: StripeGate, dispute_id: str) -> DisputeState | None:
    """The dispute as it is now, or None where Stripe knows none of that id."""
    found = await gate.find(gate.v1.disputes.retrieve_async(dispute_id, {"expand": list(_EXPANDED)}))
    return None if found is None else read_dispute(found.to_dict())


async def disputes_of_charge(gate: StripeGate, charge_id: str) -> list[DisputeState]:
    """The charge's disputes as they are now; none where Stripe knows no such charge. Raises StripeRefused,
    StripeUnavailable."""
    expand = [f"data.{name}" for name in _EXPANDED]
    listed = await gate.find(gate.v1.disputes.list_async({"charge": charge_id, "limit": _MOST, "expand": expand}))
    return [] if listed is None else [read_dispute(raw) for raw in listed.to_dict()["data"]]


async def submit_evidence(gate: StripeGate, dispute: Dispute, evidence: Evidence) -> DisputeState:
    """Hand evidence to the bank, which takes it once and then decides; the same asked again is the same. The dispute as
    it then stands. Raises StripeRefused, StripeUnavailable."""
    told = {"uncategorized_text": evidence.text}
    if evidence.access_log is not None:
        told["access_activity_log"] = evidence.access_log
    digest = sha256("\0".join(told.values()).encode()).hexdigest()[:32]
    answered = await gate.ask(
        gate.v1.disputes.update_async(
            dispute.stripe_dispute_id,
            {"evidence": told, "submit": True, "expand": list(_EXPANDED)},
            {"idempotency_key": f"evidence-{dispute.id}-{digest}"},
        )
    )
    return read_dispute(answered.to_dict())


def read_dispute(raw: Mapping[str, Any]) -> DisputeState:
    """A dispute as Stripe's answers hold it; of one whose charge is not expanded less is known."""
    charge = raw["charge"] if isinstance(raw["charge"], Mapping) else {"id": raw["charge"]}
    due_by = (raw.get("evidence_details") or {}).get("due_by")
    return DisputeState(
        id=raw["id"],
        charge_id=charge["id"],
        intent_id=_id_of(raw.get("payment_intent") or charge.get("payment_intent")),
        amount=Money(raw["amount"], raw["currency"]),
        status=raw["status"],
        reason=raw["reason"],
        due_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
        transactions=tuple(read_transaction(each) for each in raw.get("balance_transactions") or ()),
        payment_id=(charge.get("metadata") or {}).get("payment_id"),
        card_fingerprint=_fingerprint(charge),
    )


def _fingerprint(charge: Mapping[str, Any]) -> str | None:
    """Whatever the charge was paid with: a card, or what stands for one."""
    details = charge.get("payment_method_details") or {}
    means = details.get(details.get("type")) or {}
    found: str | None = means.get("fingerprint")
    return found


def _id_of(value: Mapping[str, Any] | str | None) -> str | None:
    return value["id"] if isinstance(value, Mapping) else value
