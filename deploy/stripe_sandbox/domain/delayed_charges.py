"""Charges whose money comes later: pending, then succeeded or failed, as bank debits are at Stripe."""

from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.values import Json

BOUNCED = Decline(
    "payment_intent_payment_attempt_failed",
    "The payment failed: the customer's bank did not send the money.",
    seller_message="The customer's bank did not send the money.",
)


def pending(charge: Json) -> Json:
    """A new charge as it stands while its money is on its way."""
    return {**charge, "paid": False, "status": "pending"}


def arrived(charge: Json) -> Json:
    return {**charge, "paid": True, "status": "succeeded"}


def bounced(charge: Json) -> Json:
    outcome = {
        **charge["outcome"],
        "network_status": "declined_by_network",
        "reason": BOUNCED.code,
        "seller_message": BOUNCED.seller_message,
        "type": "issuer_declined",
    }
    return {
        **charge,
        "amount_captured": 0,
        "captured": False,
        "failure_code": BOUNCED.code,
        "failure_message": BOUNCED.message,
        "outcome": outcome,
        "paid": False,
        "receipt_url": None,
        "status": "failed",
    }
