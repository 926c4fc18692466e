"""Subscriptions as Stripe has them now, with their newest invoices."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.billing.clients.stripe.declines import bank_decline
from services.billing.clients.stripe.gate import StripeGate
from services.billing.domain.subscriptions.subscription import InvoiceState, SubscriptionState

_EXPANDED = ["customer", "default_payment_method"]
_INVOICES = 24
"""Two years of months: what is older can't be due any more."""


async def find_subscription(gate: StripeGate, subscription_id: str, *, asked_at: datetime) -> SubscriptionState | None:
    """The subscription of Stripe's id as it is now (`asked_at`, real time), with its invoices, newest first; None where
    Stripe knows none. Raises StripeRefused, StripeUnavailable."""
    found = await gate.find(gate.v1.subscriptions.retrieve_async(subscription_id, {"expand": list(_EXPANDED)}))
    if found is None:
        return None
    listed = await gate.ask(
        gate.v1.invoices.list_async({"subscription": subscription_id, "limit": _INVOICES, "expand": ["data.payments"]})
    )
    invoices = [_invoice(raw) for raw in listed.to_dict()["data"]]
    told = [await _with_refused_card(gate, invoice) for invoice in invoices]
    return _subscription(found.to_dict(), tuple(told), asked_at=asked_at)


async def subscription_of_invoice(gate: StripeGate, invoice_id: str) -> str | None:
    """The id of the subscription that an invoice is of; None where it is of none, or Stripe knows no such invoice."""
    found = await gate.find(gate.v1.invoices.retrieve_async(invoice_id))
    return None if found is None else _subscription_of(found.to_dict())


async def _with_refused_card(gate: StripeGate, invoice: InvoiceState) -> InvoiceState:
    """Only the intent of an invoice that failed says which card was refused, and why."""
    if not invoice.is_failing or invoice.intent_id is None:
        return invoice
    intent = await gate.find(gate.v1.payment_intents.retrieve_async(invoice.intent_id))
    told = {} if intent is None else intent.to_dict()
    if told.get("status") == "requires_action":
        card_id = _id_of(told.get("payment_method"))
        return replace(invoice, failed_card_id=card_id, decline_code="authentication_required")
    error = told.get("last_payment_error") or {}
    return replace(
        invoice,
        failed_card_id=_id_of(error.get("payment_method")),
        decline_code=bank_decline(error.get("code"), error.get("decline_code")),
    )


def _subscription(raw: dict[str, Any], invoices: tuple[InvoiceState, ...], *, asked_at: datetime) -> SubscriptionState:
    items = raw["items"]["data"]
    item = items[0] if items else {}
    customer = raw["customer"]
    settings = customer.get("invoice_settings") if isinstance(customer, dict) else None
    ends_at = _instant(item.get("current_period_end"))
    return SubscriptionState(
        id=raw["id"],
        customer_id=_id_of(customer) or "",
        status=raw["status"],
        price_id=_id_of(item.get("price")),
        item_id=item.get("id"),
        period_start_at=_instant(item.get("current_period_start")),
        period_end_at=ends_at,
        cancel_at_period_end=raw["cancel_at_period_end"] or _ends_with(ends_at, _instant(raw.get("cancel_at"))),
        canceled_at=_instant(raw.get("canceled_at")),
        ended_at=_instant(raw.get("ended_at")),
        trial_ends_at=_instant(raw.get("trial_end")),
        collection_paused=raw.get("pause_collection") is not None,
        livemode=raw["livemode"],
        asked_at=asked_at,
        metadata=raw.get("metadata") or {},
        invoices=invoices,
        card_id=_own_card(raw.get("default_payment_method")),
        default_card_id=_id_of((settings or {}).get("default_payment_method")),
        keeps_card=(raw.get("payment_settings") or {}).get("save_default_payment_method") == "on_subscription",
    )


def _own_card(card: dict[str, Any] | str | None) -> str | None:
    """One that was removed since may stay named."""
    removed = isinstance(card, dict) and card.get("customer") is None
    return None if removed else _id_of(card)


def _ends_with(period_end_at: datetime | None, cancel_at: datetime | None) -> bool:
    """Stripe may say an end by its instant instead."""
    return cancel_at is not None and period_end_at is not None and cancel_at <= period_end_at


def _invoice(raw: dict[str, Any]) -> InvoiceState:
    start, end = _sold_period(raw["lines"]["data"])
    return InvoiceState(
        id=raw["id"],
        status=raw["status"] or "draft",
        billing_reason=raw["billing_reason"] or "",
        currency=raw["currency"],
        total_minor=raw["total"],
        paid_minor=raw["amount_paid"],
        discount_minor=sum(each["amount"] for each in raw.get("total_discount_amounts") or ()),
        attempts=raw["attempt_count"],
        created_at=datetime.fromtimestamp(raw["created"], UTC),
        period_start_at=start,
        period_end_at=end,
        next_attempt_at=_instant(raw.get("next_payment_attempt")),
        intent_id=_intent_of(raw),
        page_url=raw.get("hosted_invoice_url"),
        paid_at=_instant((raw.get("status_transitions") or {}).get("paid_at")),
    )


def _sold_period(lines: list[dict[str, Any]]) -> tuple[datetime | None, datetime | None]:
    """Of the line of the subscription itself that reaches furthest; prorations change what a period costs and sell
    none."""
    periods = [line["period"] for line in lines if _sells(line)]
    if not periods:
        return None, None
    furthest = max(periods, key=lambda period: period["end"])
    return _instant(furthest["start"]), _instant(furthest["end"])


def _sells(line: dict[str, Any]) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details")
    return details is not None and not details.get("proration")


def _intent_of(raw: dict[str, Any]) -> str | None:
    """Of the payment that was made, else of the one that is to be."""
    payments = (raw.get("payments") or {}).get("data") or []
    for payment in sorted(payments, key=lambda each: (each["status"] != "paid", not each["is_default"])):
        intent_id = _id_of(payment["payment"].get("payment_intent"))
        if intent_id is not None:
            return intent_id
    return None


def _subscription_of(invoice: dict[str, Any]) -> str | None:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return _id_of(details.get("subscription"))


def _id_of(value: dict[str, Any] | str | None) -> str | None:
    return value["id"] if isinstance(value, dict) else value


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
