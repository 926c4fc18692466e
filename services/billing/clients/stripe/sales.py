"""Sales at Stripe: the card that one names, and its charge."""

from typing import Any

from stripe.params import PaymentIntentCreateParams

from services.billing.clients.stripe.gate import StripeGate, StripeRefused
from services.billing.clients.stripe.intents import EXPANDED, find_intent, read_intent
from services.billing.domain.business_types import SaleRules
from services.billing.domain.paying_intent import PayingIntent
from services.billing.domain.payment import Payment
from services.billing.domain.sale import PayingCard


async def find_card(gate: StripeGate, method_id: str) -> PayingCard | None:
    """The card of a payment method, or None where Stripe knows none of that id, or it is none of a card. Raises
    StripeRefused, StripeUnavailable."""
    found = await gate.find(gate.v1.payment_methods.retrieve_async(method_id))
    raw: dict[str, Any] = {} if found is None else found.to_dict()
    card = raw.get("card")
    if not isinstance(card, dict):
        return None
    owner = raw.get("customer")
    return PayingCard(
        id=raw["id"],
        customer_id=owner["id"] if isinstance(owner, dict) else owner,
        fingerprint=card.get("fingerprint"),
        country=card.get("country"),
        funding=card.get("funding"),
    )


async def charge_sale(gate: StripeGate, payment: Payment, rules: SaleRules, *, customer_id: str) -> PayingIntent:
    """Charge the sale's card; once, however often it is asked. A decline is an intent that has not succeeded. Raises
    StripeRefused where there is no intent, and StripeUnavailable."""
    params = _create_params(payment, rules, customer_id=customer_id)
    try:
        made = await gate.ask(gate.v1.payment_intents.create_async(params, {"idempotency_key": f"sale-{payment.id}"}))
    except StripeRefused as refusal:
        declined = None if refusal.intent_id is None else await find_intent(gate, refusal.intent_id)
        if declined is None:
            raise
        return declined
    return read_intent(made.to_dict())


def _create_params(payment: Payment, rules: SaleRules, *, customer_id: str) -> PaymentIntentCreateParams:
    """An automated sale has nobody to send to the bank's page; a recurring one leaves its card with the customer."""
    assert payment.card_id is not None and payment.business_type is not None
    params: PaymentIntentCreateParams = {
        "amount": payment.amount.amount_minor,
        "currency": payment.amount.currency,
        "customer": customer_id,
        "payment_method": payment.card_id,
        "confirm": True,
        "metadata": {
            "payment_id": payment.id,
            "account_id": payment.account_id,
            "business_type": payment.business_type,
        },
        "expand": list(EXPANDED),
    }
    if payment.description is not None:
        params["description"] = payment.description
    if rules.automated:
        params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
        params["off_session"] = True
        return params
    params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "always"}
    params["return_url"] = payment.success_url
    if rules.recurring:
        params["setup_future_usage"] = "off_session"
    return params
