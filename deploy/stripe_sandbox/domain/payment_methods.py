"""The payment method object, cards only. What the card does on a charge is not part of it (the store keeps
it)."""

from deploy.stripe_sandbox.domain.cards import Card
from deploy.stripe_sandbox.domain.customers import full_address
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json


def billing_details(given: Json | None = None) -> Json:
    given = given or {}
    return {
        "address": full_address(given.get("address") or {}),
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": given.get("tax_id"),
    }


def new_payment_method(
    method_id: str, *, card: Card, billing: Json, metadata: dict[str, str] | None, cvc_checked: bool, now: int
) -> Json:
    return {
        "id": method_id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing,
        "card": {
            "brand": card.brand,
            "checks": card_checks(cvc_checked=cvc_checked),
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": merged({}, metadata),
        "type": "card",
    }


def card_checks(*, cvc_checked: bool) -> Json:
    return {
        "address_line1_check": None,
        "address_postal_code_check": None,
        "cvc_check": "pass" if cvc_checked else None,
    }
