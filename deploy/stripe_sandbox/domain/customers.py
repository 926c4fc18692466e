"""The customer object."""

from typing import Any

from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json

ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")


def full_address(given: Json | None) -> Json | None:
    """An address with every field present, or none."""
    if given is None:
        return None
    return {name: given.get(name) for name in ADDRESS_FIELDS}


def new_customer(customer_id: str, *, given: Json, invoice_prefix: str, now: int) -> Json:
    customer: Json = {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": invoice_prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    return changed_customer(customer, given)


def changed_customer(customer: Json, given: Json) -> Json:
    """The customer after an update; a field that is not given stays."""
    after = {**customer, **{name: given[name] for name in given if name in _PLAIN}}
    if "metadata" in given:
        after["metadata"] = merged(customer["metadata"], given["metadata"])
    if "address" in given:
        after["address"] = full_address(given["address"])
    if "shipping" in given:
        shipping: Json = given["shipping"]
        after["shipping"] = {
            "address": full_address(shipping["address"]),
            "name": shipping["name"],
            "phone": shipping.get("phone"),
        }
    if "invoice_settings" in given:
        after["invoice_settings"] = {**customer["invoice_settings"], **given["invoice_settings"]}
    if "tax_exempt" in given:
        after["tax_exempt"] = given["tax_exempt"] or "none"
    return after


_PLAIN = frozenset({"description", "email", "name", "phone", "preferred_locales", "balance"})


def deleted(kind: str, object_id: str) -> Json:
    """What remains of a deleted object."""
    return {"id": object_id, "object": kind, "deleted": True}


def previous_attributes(before: Json, after: Json) -> dict[str, Any]:
    """An update event's `previous_attributes`: what the changed fields held before."""
    return {name: before.get(name) for name in after if before.get(name) != after[name]}
