"""3-D Secure: how an intent asks for it, what a failure leaves behind, and where the customer goes next.

The bank's page is the sandbox's own; its two answers are `COMPLETE` and `FAIL`.
"""

from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.errors import INVALID_REQUEST
from deploy.stripe_sandbox.domain.values import Json

COMPLETE: Final = "complete"
FAIL: Final = "fail"
OUTCOMES: Final = (COMPLETE, FAIL)

PAYMENT_FAILED = Decline(
    "payment_intent_authentication_failure",
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again.",
    kind=INVALID_REQUEST,
)
SETUP_FAILED = Decline(
    "setup_intent_authentication_failure",
    "The latest attempt to set up the payment method has failed because authentication failed.",
    kind=INVALID_REQUEST,
)
# `error_on_requires_action`: the caller cannot send anybody to the bank's page.
NOT_HANDLED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_not_handled",
)


def page_address(public_url: str, intent_id: str) -> str:
    """The bank's page for an intent that requires action."""
    return f"{public_url}/c/3ds/{intent_id}"


def next_action(page_url: str, return_url: str | None) -> Json:
    """What stands in the intent: an address to send the customer to, or the same for Stripe's own scripts
    where nothing says where to come back to."""
    if return_url is None:
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page_url},
        }
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page_url}}


def three_d_secure(transaction: str) -> Json:
    """What an authenticated attempt says of it; `transaction` is the bank's id of the authentication."""
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": transaction,
        "version": "2.2.0",
    }


def charged_three_d_secure(transaction: str) -> Json:
    """The same in a charge, which may also have been exempt."""
    return {**three_d_secure(transaction), "exemption_indicator": None, "exemption_indicator_applied": None}


def return_address(return_url: str, intent: Json) -> str:
    """The caller's address with the intent, its secret and how it went, as Stripe adds them."""
    kind = intent["object"]
    failed = intent["status"] in ("requires_payment_method", "canceled")
    added = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "failed" if failed else "succeeded",
    }
    parts = urlsplit(return_url)
    query = "&".join(part for part in (parts.query, urlencode(added)) if part)
    return urlunsplit(parts._replace(query=query))
