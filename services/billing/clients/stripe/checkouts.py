"""Checkout Sessions: the pages on which customers pay."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stripe.params.checkout import SessionCreateParams

from services.billing.clients.stripe.balance import read_transaction
from services.billing.clients.stripe.gate import StripeGate, StripeRefused
from services.billing.domain.checkout_session import IntentState, SessionState
from shared.money import Money
from shared.telemetry import logger_of

logger = logger_of("stripe")

_EXPANDED = ["payment_intent.latest_charge.balance_transaction"]
"""Four levels, with a list's own, are as deep as Stripe goes."""


@dataclass(frozen=True, slots=True)
class NewCheckout:
    """What a payment page is made of. `expires_at` is Stripe's end of it. With `customer_id` the page offers that
    customer's cards, and with `saves_card` it keeps the one that pays for charges without its owner. One that
    `is_late`, its payment having waited for a review, is another page for each end that it is asked with."""

    payment_id: str
    account_id: str
    credits: int
    price: Money
    success_url: str
    cancel_url: str
    expires_at: datetime
    customer_id: str | None = None
    saves_card: bool = False
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class NewSetup:
    """A page on which a customer saves a card and pays nothing."""

    account_id: str
    customer_id: str
    success_url: str
    cancel_url: str


async def create_checkout(gate: StripeGate, wanted: NewCheckout) -> SessionState:
    """Make the payment page; once for each payment, however often it is asked."""
    until = f"-{int(wanted.expires_at.timestamp())}" if wanted.is_late else ""
    created = await gate.ask(
        gate.v1.checkout.sessions.create_async(
            _create_params(wanted), {"idempotency_key": f"checkout-{wanted.payment_id}{until}"}
        )
    )
    return _session(created.to_dict())


async def create_setup(gate: StripeGate, wanted: NewSetup) -> str:
    """The address of a new page. A page that is asked for again and not used ends by itself."""
    created = await gate.ask(
        gate.v1.checkout.sessions.create_async(
            {
                "mode": "setup",
                "currency": "usd",
                "customer": wanted.customer_id,
                "client_reference_id": wanted.account_id,
                "success_url": wanted.success_url,
                "cancel_url": wanted.cancel_url,
                "metadata": {"account_id": wanted.account_id},
            }
        )
    )
    url: str = created.url
    return url


async def find_session(gate: StripeGate, session_id: str) -> SessionState | None:
    """The session as it is now, or None where Stripe knows none of that id."""
    found = await gate.find(gate.v1.checkout.sessions.retrieve_async(session_id, {"expand": list(_EXPANDED)}))
    return None if found is None else _session(found.to_dict())


async def session_of_intent(gate: StripeGate, intent_id: str) -> SessionState | None:
    """The session that a payment intent was made by, or None."""
    listed = await gate.find(
        gate.v1.checkout.sessions.list_async(
            {"payment_intent": intent_id, "limit": 1, "expand": [f"data.{name}" for name in _EXPANDED]}
        )
    )
    found: list[dict[str, Any]] = [] if listed is None else listed.to_dict()["data"]
    return _session(found[0]) if found else None


async def end_session(gate: StripeGate, session_id: str) -> SessionState | None:
    """Expire an open session; one that is over already is answered as it is."""
    try:
        await gate.ask(gate.v1.checkout.sessions.expire_async(session_id))
    except StripeRefused as refusal:
        logger.info("session_was_over", session_id=session_id, code=refusal.code)
    return await find_session(gate, session_id)


def _create_params(wanted: NewCheckout) -> SessionCreateParams:
    labels = {
        "payment_id": wanted.payment_id,
        "account_id": wanted.account_id,
        "credits": str(wanted.credits),
    }
    params: SessionCreateParams = {
        "mode": "payment",
        "client_reference_id": wanted.account_id,
        "success_url": wanted.success_url,
        "cancel_url": wanted.cancel_url,
        "expires_at": int(wanted.expires_at.timestamp()),
        "metadata": labels,
        "payment_intent_data": {"metadata": labels},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": wanted.price.currency,
                    "unit_amount": wanted.price.amount_minor,
                    "product_data": {"name": f"{wanted.credits:,} API credits"},
                },
            }
        ],
    }
    if wanted.customer_id is not None:
        params["customer"] = wanted.customer_id
    if wanted.saves_card:
        params["payment_intent_data"] = {"metadata": labels, "setup_future_usage": "off_session"}
    return params


def _session(raw: dict[str, Any]) -> SessionState:
    return SessionState(
        id=raw["id"],
        url=raw.get("url"),
        status=raw["status"],
        payment_status=raw["payment_status"],
        amount_total_minor=raw.get("amount_total") or 0,
        currency=raw.get("currency") or "",
        livemode=raw["livemode"],
        metadata=raw.get("metadata") or {},
        intent=_intent(raw.get("payment_intent")),
        mode=raw["mode"],
        subscription_id=_id_of(raw.get("subscription")),
    )


def _id_of(raw: dict[str, Any] | str | None) -> str | None:
    return raw["id"] if isinstance(raw, dict) else raw


def _intent(raw: dict[str, Any] | str | None) -> IntentState | None:
    """Expanded, or (should an expansion be left out) an id alone."""
    if raw is None:
        return None
    if isinstance(raw, str):
        return IntentState(raw, "unknown", None)
    charge = raw.get("latest_charge")
    if not isinstance(charge, dict):
        return IntentState(raw["id"], raw["status"], charge)
    transaction = charge.get("balance_transaction")
    booked = read_transaction(transaction) if isinstance(transaction, dict) else None
    return IntentState(raw["id"], raw["status"], charge["id"], booked)
