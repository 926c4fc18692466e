"""One try of a setup intent to save a card: requires_action, then succeeded or failed."""

from deploy.stripe_sandbox.domain.authentication import three_d_secure
from deploy.stripe_sandbox.domain.cards import Decline, decline_fields
from deploy.stripe_sandbox.domain.values import Json

_CARD_FIELDS = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")

REQUIRES_ACTION = "requires_action"
SUCCEEDED = "succeeded"
FAILED = "failed"


def new_attempt(attempt_id: str, *, setup: Json, method: Json, status: str, now: int) -> Json:
    card = {**{name: method["card"][name] for name in _CARD_FIELDS}, "moto": None, "three_d_secure": None}
    return {
        "id": attempt_id,
        "object": "setup_attempt",
        "application": None,
        "created": now,
        "customer": setup["customer"],
        "customer_account": None,
        "flow_directions": None,
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {"card": {**card, "network": method["card"]["brand"]}, "type": "card"},
        "setup_error": None,
        "setup_intent": setup["id"],
        "status": status,
        "usage": setup["usage"],
    }


def authenticated(attempt: Json, transaction: str) -> Json:
    """The attempt once the bank's page said yes."""
    details = attempt["payment_method_details"]
    card = {**details["card"], "three_d_secure": three_d_secure(transaction)}
    return {**attempt, "payment_method_details": {**details, "card": card}, "status": SUCCEEDED}


def failed(attempt: Json, *, method: Json, decline: Decline) -> Json:
    error = {**decline_fields(decline), "payment_method": method}
    return {**attempt, "setup_error": error, "status": FAILED}
