"""Payment intents that no page made: saved cards charged without their owner."""

from typing import Any, Literal

from stripe.params import PaymentIntentCancelParams, PaymentIntentCreateParams

from services.billing.clients.stripe.balance import read_transaction
from services.billing.clients.stripe.gate import StripeGate, StripeRefused
from services.billing.domain.paying_intent import PayingIntent
from services.billing.domain.payment import Payment
from shared.telemetry import logger_of

logger = logger_of("stripe")

EXPANDED = ["latest_charge.balance_transaction"]
_CLOCKS_APART_SECONDS = 3_600


async def charge_card(gate: StripeGate, payment: Payment, *, customer_id: str) -> PayingIntent:
    """Charge the payment's saved card; once, however often it is asked. A decline is an intent that has not succeeded.
    Raises StripeRefused where there is no intent, and StripeUnavailable."""
    assert payment.card_id is not None
    params = _create_params(payment, customer_id=customer_id, card_id=payment.card_id)
    try:
        made = await gate.ask(gate.v1.payment_intents.create_async(params, {"idempotency_key": f"top-up-{payment.id}"}))
    except StripeRefused as refusal:
        declined = None if refusal.intent_id is None else await find_intent(gate, refusal.intent_id)
        if declined is None:
            raise
        return declined
    return read_intent(made.to_dict())


async def find_intent(gate: StripeGate, intent_id: str) -> PayingIntent | None:
    """The intent as it is now, or None where Stripe knows none of that id."""
    found = await gate.find(gate.v1.payment_intents.retrieve_async(intent_id, {"expand": list(EXPANDED)}))
    return None if found is None else read_intent(found.to_dict())


async def intent_of_payment(gate: StripeGate, payment: Payment, *, customer_id: str) -> PayingIntent | None:
    """The intent that was made for a payment, should its answer have been lost, or None."""
    since = int(payment.created_at.timestamp()) - _CLOCKS_APART_SECONDS
    listed = await gate.find(
        gate.v1.payment_intents.list_async({"customer": customer_id, "created": {"gte": since}, "limit": 100})
    )
    made = [] if listed is None else listed.to_dict()["data"]
    named = next((raw["id"] for raw in made if (raw.get("metadata") or {}).get("payment_id") == payment.id), None)
    return None if named is None else await find_intent(gate, named)


async def give_up_intent(
    gate: StripeGate, intent_id: str, *, why: Literal["abandoned", "requested_by_customer"] | None = None
) -> None:
    """Cancel an intent, so that it can't be paid beside what takes its place, or later. One that is over stays as it
    is. Raises StripeUnavailable."""
    params: PaymentIntentCancelParams = {} if why is None else {"cancellation_reason": why}
    try:
        await gate.ask(gate.v1.payment_intents.cancel_async(intent_id, params))
    except StripeRefused as refusal:
        logger.info("intent_was_over", intent_id=intent_id, code=refusal.code)


def _create_params(payment: Payment, *, customer_id: str, card_id: str) -> PaymentIntentCreateParams:
    return {
        "amount": payment.amount.amount_minor,
        "currency": payment.amount.currency,
        "customer": customer_id,
        "payment_method": card_id,
        "confirm": True,
        "off_session": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {
            "payment_id": payment.id,
            "account_id": payment.account_id,
            "credits": str(payment.millicredits // 1_000),
        },
        "expand": list(EXPANDED),
    }


def read_intent(raw: dict[str, Any]) -> PayingIntent:
    """Stripe's intent, expanded as `EXPANDED` says."""
    charge = raw.get("latest_charge")
    transaction = charge.get("balance_transaction") if isinstance(charge, dict) else None
    error = raw.get("last_payment_error") or {}
    return PayingIntent(
        id=raw["id"],
        status=raw["status"],
        amount_received_minor=raw["amount_received"],
        currency=raw["currency"],
        livemode=raw["livemode"],
        metadata=raw.get("metadata") or {},
        charge_id=charge["id"] if isinstance(charge, dict) else charge,
        transaction=read_transaction(transaction) if isinstance(transaction, dict) else None,
        decline_code=error.get("decline_code") or error.get("code"),
        cancellation_reason=raw.get("cancellation_reason"),
        next_action_url=_page_of_bank(raw.get("next_action")),
    )


def _page_of_bank(action: dict[str, Any] | None) -> str | None:
    url = ((action or {}).get("redirect_to_url") or {}).get("url")
    return url if isinstance(url, str) else None
