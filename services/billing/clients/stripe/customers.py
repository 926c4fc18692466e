"""Customers at Stripe, and the cards that it keeps for them."""

from datetime import datetime
from typing import Any

from services.billing.clients.stripe.gate import StripeGate, StripeRefused, StripeUnavailable
from services.billing.domain.saved_card import CustomerState, SavedCard, with_default
from shared.telemetry import logger_of

logger = logger_of("stripe")

_MOST_CARDS = _MOST_SUBSCRIPTIONS = 100
_SAVED_LAST = "default_saved_last"
"""In a customer's metadata: the card that became the default by being saved. Another default was chosen."""
_MOST_DELETED = 10
"""Of one account within the day that Stripe keeps a key."""


async def create_customer(gate: StripeGate, account_id: str) -> str:
    """The id of the account's customer; made once, however often it is asked, and anew where it was deleted since (a
    key that Stripe knows is answered with the customer that it made once). Stripe is told no name and no address.
    Raises StripeRefused, StripeUnavailable."""
    key = f"customer-{account_id}"
    for _ in range(_MOST_DELETED):
        customer_id = await _made(gate, account_id, key)
        if not await _is_deleted(gate, customer_id):
            return customer_id
        key = f"customer-{account_id}-after-{customer_id}"
    raise StripeUnavailable("too many customers of one account were deleted today")


async def _made(gate: StripeGate, account_id: str, key: str) -> str:
    made = await gate.ask(
        gate.v1.customers.create_async({"metadata": {"account_id": account_id}}, {"idempotency_key": key})
    )
    customer_id: str = made.id
    return customer_id


async def _is_deleted(gate: StripeGate, customer_id: str) -> bool:
    found = await gate.find(gate.v1.customers.retrieve_async(customer_id))
    return found is None or bool(found.to_dict().get("deleted"))


async def find_customer(gate: StripeGate, customer_id: str, *, asked_at: datetime) -> CustomerState | None:
    """The customer with its cards as they are now (`asked_at`, real time), newest first; None where Stripe knows none
    of that id."""
    found = await gate.find(gate.v1.customers.retrieve_async(customer_id))
    if found is None:
        return None
    raw: dict[str, Any] = found.to_dict()
    if raw.get("deleted"):
        return CustomerState(raw["id"], None, is_deleted=True, cards=(), asked_at=asked_at)
    default = _id_of((raw.get("invoice_settings") or {}).get("default_payment_method"))
    cards = with_default(tuple(_card(each, default) for each in await _cards(gate, customer_id)))
    account_id = (raw.get("metadata") or {}).get("account_id")
    return CustomerState(raw["id"], account_id, is_deleted=False, cards=cards, asked_at=asked_at)


async def set_default_card(gate: StripeGate, customer_id: str, card_id: str) -> None:
    """Charge this card from now on where none is named, and for every subscription that goes on: each has a card of its
    own since its first payment, which Stripe asks before the customer's. Raises StripeRefused, StripeUnavailable."""
    await _set_default(gate, customer_id, card_id, saved_last="")
    listed = await gate.ask(gate.v1.subscriptions.list_async({"customer": customer_id, "limit": _MOST_SUBSCRIPTIONS}))
    for each in listed.data:
        if each.status != "incomplete" and each.default_payment_method != card_id:
            await gate.ask(gate.v1.subscriptions.update_async(each.id, {"default_payment_method": card_id}))


async def adopt_saved_card(gate: StripeGate, customer_id: str) -> None:
    """Charge the card that was saved last where none is named, unless the owner chose one, here or at Stripe. What has
    a card of its own keeps it. Safe to repeat. Raises StripeRefused, StripeUnavailable."""
    found = await gate.find(gate.v1.customers.retrieve_async(customer_id))
    raw: dict[str, Any] = {} if found is None else found.to_dict()
    if not raw or raw.get("deleted"):
        return
    default = _id_of((raw.get("invoice_settings") or {}).get("default_payment_method"))
    if default is not None and default != (raw.get("metadata") or {}).get(_SAVED_LAST):
        return
    cards = await _cards(gate, customer_id)
    if cards and cards[0]["id"] != default:
        await _set_default(gate, customer_id, cards[0]["id"], saved_last=cards[0]["id"])


async def _set_default(gate: StripeGate, customer_id: str, card_id: str, *, saved_last: str) -> None:
    await gate.ask(
        gate.v1.customers.update_async(
            customer_id,
            {"invoice_settings": {"default_payment_method": card_id}, "metadata": {_SAVED_LAST: saved_last}},
        )
    )


async def _cards(gate: StripeGate, customer_id: str) -> list[dict[str, Any]]:
    """The newest first."""
    listed = await gate.ask(
        gate.v1.customers.payment_methods.list_async(customer_id, {"type": "card", "limit": _MOST_CARDS})
    )
    cards: list[dict[str, Any]] = listed.to_dict()["data"]
    return cards


async def replace_card(gate: StripeGate, customer_id: str, removed_id: str, *, by: str) -> None:
    """Charge another card (`by`) for every subscription whose own is the one to be removed. Raises StripeRefused,
    StripeUnavailable."""
    listed = await gate.ask(gate.v1.subscriptions.list_async({"customer": customer_id, "limit": _MOST_SUBSCRIPTIONS}))
    for each in listed.data:
        if each.default_payment_method == removed_id:
            await gate.ask(gate.v1.subscriptions.update_async(each.id, {"default_payment_method": by}))


async def detach_card(gate: StripeGate, card_id: str) -> None:
    """Forget a card. One that is gone already is no fault. Raises StripeUnavailable."""
    try:
        await gate.ask(gate.v1.payment_methods.detach_async(card_id))
    except StripeRefused as refusal:
        logger.info("card_was_detached", card_id=card_id, code=refusal.code)


def _id_of(named: dict[str, Any] | str | None) -> str | None:
    return named["id"] if isinstance(named, dict) else named


def _card(raw: dict[str, Any], default_id: str | None) -> SavedCard:
    card = raw["card"]
    return SavedCard(
        id=raw["id"],
        brand=card["brand"],
        last4=card["last4"],
        exp_month=card["exp_month"],
        exp_year=card["exp_year"],
        is_default=raw["id"] == default_id,
    )
