"""What an event keeps beside its snapshot, so that it can still be told in the shape of an older API version:
present shapes name neither a charge's refunds and dispute nor an intent's charges."""

from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store

_MOST = 10


def set_aside(store: Store, snapshot: Json) -> Json | None:
    """None where there is nothing to keep."""
    if snapshot["object"] == "charge":
        return _of_charge(store, snapshot) or None
    if snapshot["object"] == "payment_intent":
        found, _ = store.objects.page(Page("charge", _MOST, equal={"payment_intent": snapshot["id"]}))
        return {"charges": [{"charge": each, **_of_charge(store, each)} for each in found]} if found else None
    return None


def _of_charge(store: Store, charge: Json) -> Json:
    refunds, _ = store.objects.page(Page("refund", _MOST, equal={"charge": charge["id"]}))
    disputes = store.objects.with_value("dispute", "charge", charge["id"]) if charge["disputed"] else []
    kept: Json = {"refunds": refunds} if refunds else {}
    return {**kept, "dispute": disputes[0]["id"]} if disputes else kept
