"""`expand[]`: which fields hold another object's id, and the walk that puts the object in its place.

Source: Stripe's page "Expanding objects"; at most four levels deep.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json

MAX_LEVELS = 4

# (object, field) -> the kind of object whose id the field holds.
REFERENCES: dict[tuple[str, str], str] = {
    ("checkout.session", "customer"): "customer",
    ("checkout.session", "payment_intent"): "payment_intent",
    ("checkout.session", "setup_intent"): "setup_intent",
    ("checkout.session", "invoice"): "invoice",
    ("checkout.session", "subscription"): "subscription",
    ("subscription", "customer"): "customer",
    ("subscription", "default_payment_method"): "payment_method",
    ("subscription", "latest_invoice"): "invoice",
    ("subscription", "pending_setup_intent"): "setup_intent",
    ("invoice", "customer"): "customer",
    ("subscription_details", "subscription"): "subscription",
    ("invoice_payment", "invoice"): "invoice",
    ("payment", "payment_intent"): "payment_intent",
    ("price_details", "price"): "price",
    ("invoiceitem", "customer"): "customer",
    ("invoiceitem", "invoice"): "invoice",
    ("payment_intent", "customer"): "customer",
    ("payment_intent", "latest_charge"): "charge",
    ("payment_intent", "payment_method"): "payment_method",
    ("charge", "balance_transaction"): "balance_transaction",
    ("charge", "customer"): "customer",
    ("charge", "payment_intent"): "payment_intent",
    ("charge", "failure_balance_transaction"): "balance_transaction",
    ("refund", "balance_transaction"): "balance_transaction",
    ("refund", "charge"): "charge",
    ("refund", "customer"): "customer",
    ("refund", "failure_balance_transaction"): "balance_transaction",
    ("refund", "payment_intent"): "payment_intent",
    ("refund", "payment_method"): "payment_method",
    ("dispute", "charge"): "charge",
    ("dispute", "payment_intent"): "payment_intent",
    ("payout", "balance_transaction"): "balance_transaction",
    ("payment_method", "customer"): "customer",
    ("setup_intent", "customer"): "customer",
    ("setup_intent", "payment_method"): "payment_method",
    ("setup_intent", "latest_attempt"): "setup_attempt",
    ("setup_attempt", "customer"): "customer",
    ("setup_attempt", "payment_method"): "payment_method",
    ("setup_attempt", "setup_intent"): "setup_intent",
    ("price", "product"): "product",
    ("product", "default_price"): "price",
    ("invoice_settings", "default_payment_method"): "payment_method",
}
# Fields of Stripe's that may be asked for and that hold nothing here (yet).
EMPTY: frozenset[tuple[str, str]] = frozenset(
    {
        ("customer", "default_source"),
        ("invoice", "default_payment_method"),
        ("invoice", "default_source"),
        ("invoice", "discounts"),
        ("invoice", "latest_revision"),
        ("subscription", "default_source"),
        ("subscription", "schedule"),
        ("payment_intent", "review"),
        ("setup_intent", "mandate"),
        ("charge", "review"),
        ("refund", "source_transfer_reversal"),
        ("refund", "transfer_reversal"),
        ("payout", "failure_balance_transaction"),
        ("payout", "original_payout"),
        ("payout", "reversed_by"),
    }
)
# Fields that are only there when they are asked for.
INCLUDED: frozenset[tuple[str, str]] = frozenset(
    {
        ("checkout.session", "line_items"),
        ("charge", "refunds"),
        ("invoice", "confirmation_secret"),
        ("invoice", "payments"),
        ("customer", "tax"),
        ("customer", "invoice_credit_balance"),
        ("customer", "sources"),
        ("customer", "subscriptions"),
        ("customer", "tax_ids"),
    }
)

# What moved the balance: the source's id alone says of which kind it is.
SOURCES = ("charge", "refund", "dispute", "payout")

Find = Callable[[str, str], Json | None]
Include = Callable[[Json, str], Any]


@dataclass(frozen=True)
class _Walk:
    path: str
    find: Find
    include: Include


def expand(body: Json, paths: list[str], *, find: Find, include: Include) -> Json:
    """A copy of `body` with the fields at `paths` (`payment_intent.latest_charge`, `data.customer`) filled
    in.

    `find(kind, id)` answers an object, `include(object, field)` what stands in a field of `INCLUDED`.
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_LEVELS:
            raise StripeError(f"You cannot expand more than {MAX_LEVELS} levels of a property. Property: {path}")
        body = _step(body, body["object"], steps, _Walk(path, find, include))
    return body


def _step(body: Json, kind: str, steps: list[str], walk: _Walk) -> Json:
    """`kind` is the object's, or the name of the plain group (`invoice_settings`) that `body` is."""
    field, *rest = steps
    if kind == "list" and field == "data" and rest:
        return {**body, "data": [_step(element, element["object"], rest, walk) for element in body["data"]]}
    value = _value(body, kind, field, walk)
    if rest and isinstance(value, dict):
        value = _step(value, value.get("object", field), rest, walk)
    return {**body, field: value}


def _value(body: Json, kind: str, field: str, walk: _Walk) -> Any:
    value = body.get(field)
    if (kind, field) in INCLUDED and value is None:
        return walk.include(body, field)
    if isinstance(value, dict):
        return value
    wanted = SOURCES if (kind, field) == ("balance_transaction", "source") else _kinds(kind, field)
    if value is None and (wanted or (kind, field) in EMPTY):
        return None
    candidates = (walk.find(each, value) for each in wanted) if isinstance(value, str) else ()
    found = next((each for each in candidates if each is not None), None)
    if found is None:
        raise StripeError(f"This property cannot be expanded ({walk.path}).", param="expand")
    return found


def _kinds(kind: str, field: str) -> tuple[str, ...]:
    wanted = REFERENCES.get((kind, field))
    return () if wanted is None else (wanted,)
