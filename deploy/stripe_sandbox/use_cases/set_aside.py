"""What an event keeps beside its snapshot, so that it can still be told in the shape of an older API version:
present shapes name neither a charge's refunds and dispute nor an intent's charges, nor what an invoice is paid by."""

from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store

_MOST = 10


def set_aside(store: Store, snapshot: Json) -> Json | None:
    """None where there is nothing to keep."""
    if snapshot["object"] == "invoice":
        return _of_invoice(store, snapshot)
    if snapshot["object"] == "charge":
        return _of_charge(store, snapshot) or None
    if snapshot["object"] == "payment_intent":
        found, _ = store.objects.page(Page("charge", _MOST, equal={"payment_intent": snapshot["id"]}))
        kept = _invoice_of(store, snapshot["id"])
        if found:
            kept["charges"] = [{"charge": each, **_of_charge(store, each)} for each in found]
        return kept or None
    return None


def _of_charge(store: Store, charge: Json) -> Json:
    refunds, _ = store.objects.page(Page("refund", _MOST, equal={"charge": charge["id"]}))
    disputes = store.objects.with_value("dispute", "charge", charge["id"]) if charge["disputed"] else []
    kept = _invoice_of(store, charge["payment_intent"])
    if refunds:
        kept["refunds"] = refunds
    return {**kept, "dispute": disputes[0]["id"]} if disputes else kept


def _invoice_of(store: Store, intent_id: str) -> Json:
    """The invoice that the intent pays."""
    invoice_id = store.objects.hidden(intent_id).get("invoice")
    return {} if invoice_id is None else {"invoice": invoice_id}


def _of_invoice(store: Store, invoice: Json) -> Json:
    payments = store.objects.with_value("invoice_payment", "invoice", invoice["id"])
    intent = store.objects.get("payment_intent", payments[0]["payment"]["payment_intent"]) if payments else None
    names = {line["pricing"]["price_details"]["price"] for line in invoice["lines"]["data"]}
    return {
        "charge": intent and intent["latest_charge"],
        "intent": intent and intent["id"],
        "prices": {name: store.objects.get("price", name) for name in sorted(names)},
    }
