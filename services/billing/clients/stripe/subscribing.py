"""Pages on which a customer subscribes, and what is asked of a subscription afterwards.

All raise StripeRefused, StripeUnavailable. Changes that are asked for again set the same again and cost nothing more;
those that charge at once take a key, so that two who ask at the same moment are one.
"""

from dataclasses import dataclass
from datetime import datetime

from stripe.params import SubscriptionUpdateParams
from stripe.params.checkout import SessionCreateParams

from services.billing.clients.stripe.gate import StripeGate, StripeRefused
from services.billing.domain.subscriptions.subscription import PAUSED_AT


@dataclass(frozen=True, slots=True)
class NewPage:
    """What a page is made of. `expires_at` is Stripe's end of it. A trial asks for a card all the same."""

    subscription_id: str
    account_id: str
    customer_id: str
    price_id: str
    trial_days: int
    success_url: str
    cancel_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Stripe's id of a page, and where it is."""

    id: str
    url: str | None


async def create_page(gate: StripeGate, wanted: NewPage) -> Page:
    """Make the page; once for each subscription of ours, however often it is asked."""
    created = await gate.ask(
        gate.v1.checkout.sessions.create_async(
            _page_params(wanted), {"idempotency_key": f"subscribe-{wanted.subscription_id}"}
        )
    )
    return Page(created.id, created.url)


async def cancel_now(gate: StripeGate, stripe_subscription_id: str) -> None:
    """End it at once, without an invoice for what is left. One that has ended is no fault."""
    try:
        await gate.ask(gate.v1.subscriptions.cancel_async(stripe_subscription_id))
    except StripeRefused as refusal:
        if refusal.code != "resource_missing":
            raise


async def cancel_at_period_end(gate: StripeGate, stripe_subscription_id: str, *, ends: bool) -> None:
    """Let it end with its period, or (`ends` false) go on after all."""
    await _update(gate, stripe_subscription_id, {"cancel_at_period_end": ends})


async def pause_collection(gate: StripeGate, stripe_subscription_id: str, *, at: datetime) -> None:
    """Charge nothing from the next period on: its invoices are void. That it is our pause, since `at`, Stripe keeps
    with it."""
    await _update(
        gate,
        stripe_subscription_id,
        {"pause_collection": {"behavior": "void"}, "metadata": {PAUSED_AT: at.isoformat()}},
    )


async def resume_collection(gate: StripeGate, stripe_subscription_id: str) -> None:
    """Charge again from the next period on."""
    await _update(gate, stripe_subscription_id, {"pause_collection": "", "metadata": {PAUSED_AT: ""}})


async def resume_in_new_period(gate: StripeGate, stripe_subscription_id: str, *, key: str) -> None:
    """Charge again, and begin a period now, paid at once: all of it or, where the card is refused, nothing."""
    await _update(
        gate,
        stripe_subscription_id,
        {
            "pause_collection": "",
            "metadata": {PAUSED_AT: ""},
            "billing_cycle_anchor": {"type": "now"},
            "proration_behavior": "none",
            "payment_behavior": "error_if_incomplete",
        },
        key=key,
    )


async def resume_after_trial(gate: StripeGate, stripe_subscription_id: str, *, key: str) -> None:
    """Let one that Stripe has paused (a trial that ended without a card) begin its first paid period."""
    await gate.ask(gate.v1.subscriptions.resume_async(stripe_subscription_id, {}, {"idempotency_key": key}))


async def change_price(
    gate: StripeGate, stripe_subscription_id: str, *, item_id: str, price_id: str, key: str, card_id: str | None = None
) -> None:
    """Move it to another price now, the difference charged or credited at once: all of it or, where the card is
    refused, nothing. `card_id` pays, and is its own from then on; without one, the card that it has."""
    params: SubscriptionUpdateParams = {
        "items": [{"id": item_id, "price": price_id}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "error_if_incomplete",
    }
    if card_id is not None:
        params["default_payment_method"] = card_id
    await _update(gate, stripe_subscription_id, params, key=key)


async def _update(
    gate: StripeGate, stripe_subscription_id: str, params: SubscriptionUpdateParams, *, key: str | None = None
) -> None:
    options = {} if key is None else {"idempotency_key": key}
    await gate.ask(gate.v1.subscriptions.update_async(stripe_subscription_id, params, options))


def _page_params(wanted: NewPage) -> SessionCreateParams:
    labels = {"subscription_id": wanted.subscription_id, "account_id": wanted.account_id}
    params: SessionCreateParams = {
        "mode": "subscription",
        "customer": wanted.customer_id,
        "client_reference_id": wanted.account_id,
        "success_url": wanted.success_url,
        "cancel_url": wanted.cancel_url,
        "expires_at": int(wanted.expires_at.timestamp()),
        "metadata": labels,
        "subscription_data": {"metadata": labels},
        "line_items": [{"price": wanted.price_id, "quantity": 1}],
    }
    if wanted.trial_days:
        params["subscription_data"] = {"metadata": labels, "trial_period_days": wanted.trial_days}
    return params
