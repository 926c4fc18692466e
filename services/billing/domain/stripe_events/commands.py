"""What an event asks billing to do. A command only says where to look: the object is fetched and its present state
counts, so that neither an old nor a doctored field of an event moves money (docs/adr/0020)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from services.billing.domain.stripe_events.event import StripeEvent
from services.billing.domain.stripe_events.fields import path_id
from services.billing.domain.stripe_events.payment_shapes import charge_facts
from services.billing.domain.stripe_events.subscription_shapes import (
    InvoiceFacts,
    InvoicePaymentFacts,
    SubscriptionFacts,
    invoice_facts,
    invoice_payment_facts,
    subscription_facts,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApplySession:
    """Fetch this Checkout Session and apply its state."""

    session_id: str


@dataclass(frozen=True, slots=True)
class ApplyIntent:
    """Fetch the Checkout Session that made this payment intent, or the intent itself where no page did, and apply its
    state."""

    intent_id: str


@dataclass(frozen=True, slots=True)
class ApplyCharge:
    """Fetch this charge: its payment, what it did to the balance, and its refunds."""

    charge_id: str


@dataclass(frozen=True, slots=True)
class ApplyRefund:
    """Fetch this refund and apply its state."""

    refund_id: str


@dataclass(frozen=True, slots=True)
class ApplyDispute:
    """Fetch this dispute and apply its state."""

    dispute_id: str


@dataclass(frozen=True, slots=True)
class ApplyPayout:
    """Fetch what this payout did to the balance and book it."""

    payout_id: str


@dataclass(frozen=True, slots=True)
class ApplyCustomer:
    """Fetch this customer and apply its state; where a card `was_saved` on purpose, it may have become the default."""

    customer_id: str
    was_saved: bool = False


@dataclass(frozen=True, slots=True)
class ApplyInvoice:
    """An invoice, or a payment of one, has changed."""

    invoice: InvoiceFacts | InvoicePaymentFacts


@dataclass(frozen=True, slots=True)
class ApplySubscription:
    """A subscription has changed."""

    subscription: SubscriptionFacts


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is to be done, for the stated reason."""

    reason: str


Command = (
    ApplySession
    | ApplyIntent
    | ApplyCharge
    | ApplyRefund
    | ApplyDispute
    | ApplyPayout
    | ApplyCustomer
    | ApplyInvoice
    | ApplySubscription
    | Ignore
)
Reader = Callable[[StripeEvent], Command]


def command_of(event: StripeEvent) -> Command:
    """What an event asks for. Total: whatever it holds, this is its command."""
    reason = _of_type(_NOTHING_TO_DO, event.type)
    if reason is not None:
        return Ignore(reason)
    reader = _of_type(_READERS, event.type)
    return Ignore("events of this type are not acted on") if reader is None else reader(event)


def _of_type(table: Mapping[str, T], kind: str) -> T | None:
    """What a table says of a type, or of the narrowest family (a name that ends in a dot) that the type is of."""
    parts = kind.split(".")
    families = (".".join(parts[:length]) + "." for length in range(len(parts) - 1, 0, -1))
    return next((table[name] for name in (kind, *families) if name in table), None)


def _about(command: Callable[[str], Command]) -> Reader:
    """Reads an event whose object is what is to be fetched."""
    return lambda event: Ignore("the event names no object") if event.object_id is None else command(event.object_id)


def _refund(event: StripeEvent) -> Command:
    """Whatever the event's object is, the refund or its charge."""
    if event.subject.get("object") != "charge":
        return _about(ApplyRefund)(event)
    refunds = charge_facts(event.subject).refund_ids or ()
    only = path_id(refunds[0]) if len(refunds) == 1 else None
    return _about(ApplyCharge)(event) if only is None else ApplyRefund(only)


def _customer(event: StripeEvent) -> Command:
    """Of the customer whom the event's object belongs to: now, or until just now."""
    named = path_id(event.subject.get("customer")) or path_id(event.previous.get("customer"))
    return Ignore("a way to pay that is no customer's") if named is None else ApplyCustomer(named)


def _saved(event: StripeEvent) -> Command:
    command = _customer(event)
    return replace(command, was_saved=True) if isinstance(command, ApplyCustomer) else command


def _invoice(event: StripeEvent) -> Command:
    return ApplyInvoice(invoice_facts(event.subject))


def _invoice_payment(event: StripeEvent) -> Command:
    return ApplyInvoice(invoice_payment_facts(event.subject))


def _subscription(event: StripeEvent) -> Command:
    return ApplySubscription(subscription_facts(event.subject))


_A_WARNING = "a warning of fraud moves nothing; the dispute, should one follow, does"
_NOTHING_TO_DO = {
    "payment_intent.created": "the payment is known since its checkout",
    "balance.available": "what becomes available was booked when it came in",
    "radar.early_fraud_warning.": _A_WARNING,
    **{
        f"setup_intent.{step}": "a way to pay is not set up until it has succeeded"
        for step in ("created", "canceled", "requires_action", "setup_failed")
    },
}
_READERS: dict[str, Reader] = {
    "checkout.session.": _about(ApplySession),
    "payment_intent.": _about(ApplyIntent),
    "charge.": _about(ApplyCharge),
    "charge.refund.": _refund,
    "charge.dispute.": _about(ApplyDispute),
    "refund.": _refund,
    "payout.": _about(ApplyPayout),
    "payment_method.": _customer,
    "setup_intent.succeeded": _saved,
    "customer.created": _about(ApplyCustomer),
    "customer.updated": _about(ApplyCustomer),
    "customer.deleted": _about(ApplyCustomer),
    "customer.subscription.": _subscription,
    "invoice.": _invoice,
    "invoice_payment.": _invoice_payment,
}
"""A type that is new in a family is read like its kin: the object's state is what counts, not what happened to it."""
