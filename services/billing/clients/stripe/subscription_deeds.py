"""What is asked of Stripe because of what a subscription has become (`domain.subscriptions.deeds`).

Each with an idempotency key of its own, and none hurts when it is asked for again later than Stripe remembers keys: an
invoice is paid, voided or refunded whole once. All raise StripeRefused, StripeUnavailable.
"""

from services.billing.clients.stripe.gate import StripeGate, StripeRefused


async def cancel_subscription(gate: StripeGate, subscription_id: str, *, key: str) -> None:
    """End it now, without an invoice for what is left."""
    await gate.ask(gate.v1.subscriptions.cancel_async(subscription_id, {}, {"idempotency_key": key}))


async def void_invoice(gate: StripeGate, invoice_id: str, *, key: str) -> None:
    await gate.ask(gate.v1.invoices.void_invoice_async(invoice_id, {}, {"idempotency_key": key}))


async def collect_invoice(gate: StripeGate, invoice_id: str, *, key: str) -> None:
    """Make a draft final and collect it."""
    made = await gate.ask(
        gate.v1.invoices.finalize_invoice_async(invoice_id, {"auto_advance": True}, {"idempotency_key": key})
    )
    if made.status == "open" and not made.attempted:
        await gate.ask(gate.v1.invoices.pay_async(invoice_id, {}, {"idempotency_key": f"{key}:pay"}))


async def pay_invoice(gate: StripeGate, invoice_id: str, *, subscription_id: str, card_id: str, key: str) -> None:
    """Pay an open invoice by this card; the one that has paid is the subscription's own from then on."""
    params = {"payment_method": card_id, "off_session": True}
    await gate.ask(gate.v1.invoices.pay_async(invoice_id, params, {"idempotency_key": key}))
    await gate.ask(gate.v1.subscriptions.update_async(subscription_id, {"default_payment_method": card_id}))


async def keep_paying_card(gate: StripeGate, subscription_id: str, *, key: str) -> None:
    """Let whatever card pays one of its invoices, on a page of Stripe's too, be its own from then on."""
    await gate.ask(
        gate.v1.subscriptions.update_async(
            subscription_id,
            {"payment_settings": {"save_default_payment_method": "on_subscription"}},
            {"idempotency_key": key},
        )
    )


async def refund_invoice(gate: StripeGate, invoice_id: str, *, key: str) -> None:
    """Give back all that was paid by card."""
    found = await gate.ask(gate.v1.invoices.retrieve_async(invoice_id, {"expand": ["payments"]}))
    for payment in found.to_dict()["payments"]["data"]:
        intent_id = payment["payment"].get("payment_intent")
        if payment["status"] == "paid" and intent_id is not None:
            await gate.ask(
                gate.v1.refunds.create_async(
                    {"payment_intent": intent_id, "metadata": {"invoice_id": invoice_id}},
                    {"idempotency_key": f"{key}:{intent_id}"},
                )
            )


def is_settled_already(refusal: StripeRefused) -> bool:
    """Whether Stripe refuses since it is as was asked for."""
    return refusal.code in {"charge_already_refunded", "invoice_already_paid"}
