"""Invoices and subscriptions, from every shape that API versions since 2016 gave them.

| what | before | since |
|---|---|---|
| an invoice's subscription | `subscription` | 2025-03: `parent.subscription_details.subscription` |
| an invoice's payment | `payment_intent`, `charge` | 2025-03: `payments`, a list of attempts |
| an invoice's state | `paid`, `forgiven` | 2018-11: `status` |
| a line's price | `plan`, then `price` | 2025-03: `pricing.price_details.price` |
| a line's subscription | its own `id`, then `subscription` | 2025-03: `parent.subscription_item_details.subscription` |
| a subscription's period | on the subscription | 2025-03: on its items |

Every function takes any object and leaves out (None, an empty tuple) what is not there. Amounts are in minor units of
the object's currency. Source: docs.stripe.com/changelog.
"""

from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.stripe_events.fields import (
    Fields,
    currency,
    first_id,
    flag,
    id_of,
    inside,
    instant,
    items,
    whole,
    word,
)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line of an invoice."""

    id: str | None
    price_id: str | None
    subscription_id: str | None
    amount_minor: int | None
    quantity: int | None
    period_start_at: datetime | None
    period_end_at: datetime | None


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """An invoice. `status` is `draft`, `open`, `paid`, `uncollectible` or `void`."""

    id: str | None
    customer_id: str | None
    subscription_id: str | None
    status: str | None
    billing_reason: str | None
    currency: str | None
    due_minor: int | None
    paid_minor: int | None
    intent_id: str | None
    charge_id: str | None
    attempts: int | None
    next_attempt_at: datetime | None
    created_at: datetime | None
    lines: tuple[InvoiceLine, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionItem:
    """One price of a subscription."""

    id: str | None
    price_id: str | None
    quantity: int | None
    period_start_at: datetime | None
    period_end_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """A subscription. Its period is its own or, of its items' periods, the one that ends first."""

    id: str | None
    customer_id: str | None
    status: str | None
    currency: str | None
    period_start_at: datetime | None
    period_end_at: datetime | None
    ends_with_period: bool | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    trial_ends_at: datetime | None
    latest_invoice_id: str | None
    items: tuple[SubscriptionItem, ...]


@dataclass(frozen=True, slots=True)
class InvoicePaymentFacts:
    """One attempt to pay an invoice."""

    id: str | None
    invoice_id: str | None
    intent_id: str | None
    charge_id: str | None
    status: str | None


def invoice_facts(invoice: Fields) -> InvoiceFacts:
    """An invoice of any version."""
    payment = _payment_of(invoice)
    return InvoiceFacts(
        id=id_of(invoice),
        customer_id=id_of(invoice.get("customer")),
        subscription_id=first_id(
            invoice.get("subscription"), inside(invoice, "parent", "subscription_details", "subscription")
        ),
        status=_invoice_status(invoice),
        billing_reason=word(invoice.get("billing_reason")),
        currency=currency(invoice.get("currency")),
        due_minor=whole(invoice.get("amount_due")),
        paid_minor=whole(invoice.get("amount_paid")),
        intent_id=first_id(invoice.get("payment_intent"), payment.get("payment_intent")),
        charge_id=first_id(invoice.get("charge"), payment.get("charge")),
        attempts=whole(invoice.get("attempt_count")),
        next_attempt_at=instant(invoice.get("next_payment_attempt")),
        created_at=instant(invoice.get("created")) or instant(invoice.get("date")),
        lines=tuple(_line(line) for line in items(invoice.get("lines"))),
    )


def invoice_payment_facts(attempt: Fields) -> InvoicePaymentFacts:
    """An invoice's payment, which has objects of its own since 2025."""
    return InvoicePaymentFacts(
        id=id_of(attempt),
        invoice_id=id_of(attempt.get("invoice")),
        intent_id=id_of(inside(attempt, "payment", "payment_intent")),
        charge_id=id_of(inside(attempt, "payment", "charge")),
        status=word(attempt.get("status")),
    )


def subscription_facts(subscription: Fields) -> SubscriptionFacts:
    """A subscription of any version."""
    held = _subscription_items(subscription)
    start, end = _period(subscription, held)
    return SubscriptionFacts(
        id=id_of(subscription),
        customer_id=id_of(subscription.get("customer")),
        status=word(subscription.get("status")),
        currency=currency(subscription.get("currency")),
        period_start_at=start,
        period_end_at=end,
        ends_with_period=flag(subscription.get("cancel_at_period_end")),
        cancel_at=instant(subscription.get("cancel_at")),
        canceled_at=instant(subscription.get("canceled_at")),
        ended_at=instant(subscription.get("ended_at")),
        trial_ends_at=instant(subscription.get("trial_end")),
        latest_invoice_id=id_of(subscription.get("latest_invoice")),
        items=held,
    )


def _payment_of(invoice: Fields) -> Fields:
    """The payment among an invoice's attempts that counts: one that was made, else the default one, else the first."""
    attempts = items(invoice.get("payments"))
    paid = [attempt for attempt in attempts if attempt.get("status") == "paid"]
    default = [attempt for attempt in attempts if attempt.get("is_default") is True]
    counting = next(iter([*paid, *default, *attempts]), {})
    payment = counting.get("payment")
    return payment if isinstance(payment, dict) else {}


def _invoice_status(invoice: Fields) -> str | None:
    told = word(invoice.get("status"))
    if told is not None:
        return told
    if invoice.get("paid") is True:
        return "paid"
    if invoice.get("forgiven") is True:
        return "uncollectible"
    return "open" if invoice.get("paid") is False else None


def _line(line: Fields) -> InvoiceLine:
    own_id = id_of(line)
    named_by_subscription = own_id if own_id is not None and own_id.startswith("sub_") else None
    return InvoiceLine(
        id=own_id,
        price_id=first_id(inside(line, "pricing", "price_details", "price"), line.get("price"), line.get("plan")),
        subscription_id=first_id(
            line.get("subscription"),
            inside(line, "parent", "subscription_item_details", "subscription"),
            inside(line, "parent", "invoice_item_details", "subscription"),
            named_by_subscription,
        ),
        amount_minor=whole(line.get("amount")),
        quantity=whole(line.get("quantity")),
        period_start_at=instant(inside(line, "period", "start")),
        period_end_at=instant(inside(line, "period", "end")),
    )


def _subscription_items(subscription: Fields) -> tuple[SubscriptionItem, ...]:
    """Its items; before there were any, the one plan of the subscription itself."""
    listed = items(subscription.get("items"))
    if not listed and id_of(subscription.get("plan")) is not None:
        listed = ({"plan": subscription.get("plan"), "quantity": subscription.get("quantity")},)
    return tuple(
        SubscriptionItem(
            id=id_of(item),
            price_id=first_id(item.get("price"), item.get("plan")),
            quantity=whole(item.get("quantity")),
            period_start_at=instant(item.get("current_period_start")),
            period_end_at=instant(item.get("current_period_end")),
        )
        for item in listed
    )


def _period(subscription: Fields, held: tuple[SubscriptionItem, ...]) -> tuple[datetime | None, datetime | None]:
    start = instant(subscription.get("current_period_start"))
    end = instant(subscription.get("current_period_end"))
    if end is not None:
        return start, end
    ends = [(item.period_end_at, item.period_start_at) for item in held if item.period_end_at is not None]
    if not ends:
        return start, None
    first_end, its_start = min(ends, key=lambda period: period[0])
    return its_start, first_end
