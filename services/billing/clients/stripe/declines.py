"""Why a bank refused a card, in Stripe's decline codes.

An error of Stripe's has a code of its own and, where a bank refused, the decline's. Some codes are a decline's as well;
others say how Stripe was asked, and mean one. Source: docs.stripe.com/declines/codes.
"""

_MEANT = {
    "authentication_required": "authentication_required",
    "card_declined": "generic_decline",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "incorrect_number": "incorrect_number",
    "invoice_payment_intent_requires_action": "authentication_required",
    "payment_intent_authentication_failure": "authentication_required",
    "processing_error": "processing_error",
    "subscription_payment_intent_requires_action": "authentication_required",
}


def bank_decline(code: str | None, decline_code: str | None) -> str | None:
    """The decline's code; None where no bank was asked."""
    return decline_code or _MEANT.get(code or "")
