"""Events as older versions of Stripe's API shape them: the present shape, changed back step by step.

Only what matters to billing, and only what the sandbox has. A step bears the version that brought the new shape;
events of earlier versions undo it. Source: Stripe's API changelog.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.stripe_sandbox.domain import older_billing
from deploy.stripe_sandbox.domain.values import API_VERSION, Json

_VERSION = re.compile(r"^20[0-9]{2}-[01][0-9]-[0-3][0-9](\.[a-z]{1,20})?$", re.ASCII)
_DAY_LENGTH = len("2020-03-02")
# Before it, a charge carried its refunds and an intent its charges.
_REFUNDS_APART = "2022-11-15"
# Before it, invoices and subscriptions named by themselves what belongs to them.
_BASIL = "2025-03-31"


def is_version(text: str) -> bool:
    """`2020-03-02`, `2025-03-31.basil`, up to the present one."""
    return bool(_VERSION.match(text)) and text[:_DAY_LENGTH] <= API_VERSION[:_DAY_LENGTH]


@dataclass(frozen=True)
class Beside:
    """What belonged to a charge, an intent or an invoice when its event was made, and what present shapes leave out."""

    refunds: list[Json]
    dispute: str | None
    charges: list["BesideCharge"]
    invoice: str | None = None
    intent: str | None = None
    charge: str | None = None
    prices: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, kept: Json) -> "Beside":
        charges = [BesideCharge(each["charge"], cls.of(each)) for each in kept.get("charges", [])]
        return cls(
            refunds=kept.get("refunds", []),
            dispute=kept.get("dispute"),
            charges=charges,
            invoice=kept.get("invoice"),
            intent=kept.get("intent"),
            charge=kept.get("charge"),
            prices=kept.get("prices", {}),
        )


@dataclass(frozen=True)
class BesideCharge:
    charge: Json
    beside: Beside


def rendered(event: Json, kept: Json, version: str) -> Json:
    """The event as an endpoint of that version gets it; `kept` is what the event's making set aside."""
    day = version[:_DAY_LENGTH]
    data = {**event["data"], "object": _changed_back(event["data"]["object"], Beside.of(kept), day)}
    if day < _REFUNDS_APART and "amount_refunded" in data.get("previous_attributes", {}):
        earlier = data["object"]["refunds"]["data"][1:]
        before = {"data": earlier, "total_count": len(earlier)}
        data["previous_attributes"] = {**data["previous_attributes"], "refunds": before}
    if day < _BASIL and data["object"]["object"] == "subscription" and "previous_attributes" in data:
        data["previous_attributes"] = older_billing.subscription_before(data["previous_attributes"])
    older = {**event, "api_version": version, "data": data}
    if day < "2017-05-25":
        older["request"] = event["request"]["id"]
    return older


def _changed_back(body: Json, beside: Beside, day: str) -> Json:
    for since, kind, change in _STEPS:
        if day < since and body["object"] == kind:
            body = change(body, beside, day)
    return body


def _dispute_with_first_transaction(body: Json, beside: Beside, day: str) -> Json:
    moved = body["balance_transactions"]
    return {**body, "balance_transaction": moved[0]["id"] if moved else None}


def _dispute_of_old(body: Json, beside: Beside, day: str) -> Json:
    newer = {"enhanced_eligibility_types", "network_reason_code", "payment_method_details", "balance_transaction"}
    evidence = _without(body["evidence"], {"enhanced_evidence"})
    details = _without(body["evidence_details"], {"enhanced_eligibility", "submission_method"})
    return {**_without(body, newer), "evidence": evidence, "evidence_details": details}


def _refund_of_old(body: Json, beside: Beside, day: str) -> Json:
    return _without(body, {"customer", "customer_account", "destination_details", "payment_method", "pending_reason"})


def _session_of_ui(body: Json, beside: Beside, day: str) -> Json:
    return {**body, "ui_mode": "hosted"}


def _session_of_shipping(body: Json, beside: Beside, day: str) -> Json:
    return {**body, "shipping_details": None}


def _with_plain_extras(body: Json, beside: Beside, day: str) -> Json:
    return {**body, "destination": None, "dispute": beside.dispute, "order": None}


def _with_invoice(body: Json, beside: Beside, day: str) -> Json:
    return {**body, "invoice": beside.invoice}


def _subscription_of_old(body: Json, beside: Beside, day: str) -> Json:
    return older_billing.subscription(body)


def _invoice_of_old(body: Json, beside: Beside, day: str) -> Json:
    return older_billing.invoice(body, intent=beside.intent, charge=beside.charge, prices=beside.prices)


def _charge_with_refunds(body: Json, beside: Beside, day: str) -> Json:
    refunds = [_changed_back(each, _NOTHING, day) for each in beside.refunds]
    return {**body, "refunds": _counted(refunds, f"/v1/charges/{body['id']}/refunds")}


def _intent_with_charges(body: Json, beside: Beside, day: str) -> Json:
    found = [_changed_back(each.charge, each.beside, day) for each in beside.charges]
    return {**body, "charges": _counted(found, f"/v1/charges?payment_intent={body['id']}")}


def _counted(objects: list[Json], url: str) -> Json:
    """A list inside an object, which told its length then."""
    return {"object": "list", "data": objects, "has_more": False, "total_count": len(objects), "url": url}


def _without(body: Json, names: set[str]) -> Json:
    return {name: value for name, value in body.items() if name not in names}


_NOTHING = Beside(refunds=[], dispute=None, charges=[])

# Newest first: the version that brought the new shape, the object, and the way back.
_STEPS: tuple[tuple[str, str, Callable[[Json, Beside, str], Json]], ...] = (
    ("2026-10-28", "dispute", _dispute_with_first_transaction),
    ("2026-03-25", "checkout.session", _session_of_ui),
    ("2026-03-25", "charge", _with_plain_extras),
    (_BASIL, "charge", _with_invoice),
    (_BASIL, "payment_intent", _with_invoice),
    (_BASIL, "subscription", _subscription_of_old),
    (_BASIL, "invoice", _invoice_of_old),
    (_BASIL, "checkout.session", _session_of_shipping),
    ("2023-10-16", "dispute", _dispute_of_old),
    ("2023-10-16", "refund", _refund_of_old),
    (_REFUNDS_APART, "charge", _charge_with_refunds),
    (_REFUNDS_APART, "payment_intent", _intent_with_charges),
)
