"""Subscriptions and invoices as API versions before 2025-03-31 shaped them.

Then the period was the subscription's own, and an invoice named its subscription, intent and charge itself; its lines
held whole prices. Source: Stripe's API changelog.
"""

from deploy.stripe_sandbox.domain.subscriptions import plan_of
from deploy.stripe_sandbox.domain.values import Json, names

_NEWER = {
    "subscription": names("billing_mode billing_schedules customer_account managed_payments status_details"),
    "subscription_item": names("billed_until current_period_end current_period_start"),
    "invoice": names("amount_overpaid amount_paid_off_stripe customer_account parent total_taxes"),
    "line_item": names("parent pricing quantity_decimal subtotal taxes"),
}


def subscription(body: Json) -> Json:
    items = body["items"]["data"]
    old_items = [_item(item) for item in items]
    single = items[0] if len(items) == 1 else None
    return {
        **_without_newer(body, "subscription"),
        "current_period_end": items[0]["current_period_end"],
        "current_period_start": items[0]["current_period_start"],
        "discount": None,
        "items": {**body["items"], "data": old_items, "total_count": len(items)},
        "plan": single["plan"] if single else None,
        "quantity": single["quantity"] if single else None,
    }


def subscription_before(previous: Json) -> Json:
    """What changed: a period that moved was the subscription's own."""
    items = previous.get("items", {}).get("data", [])
    if not items:
        return previous
    period = {name: items[0][name] for name in ("current_period_end", "current_period_start")}
    return {**previous, **period, "items": {"data": [_item(item) for item in items]}}


def invoice(body: Json, *, intent: str | None, charge: str | None, prices: dict[str, Json]) -> Json:
    """`prices` are whole, by id; `intent` and `charge` are ids."""
    details = body["parent"]["subscription_details"]
    lines = [_line(line, prices) for line in body["lines"]["data"]]
    return {
        **_without_newer(body, "invoice"),
        "application_fee_amount": None,
        "charge": charge,
        "discount": None,
        "lines": {**body["lines"], "data": lines, "total_count": len(lines)},
        "paid": body["status"] == "paid",
        "paid_out_of_band": body["amount_paid_off_stripe"] > 0,
        "payment_intent": intent,
        "quote": None,
        "subscription": details["subscription"],
        "subscription_details": {"metadata": details["metadata"]},
        "tax": None,
        "total_tax_amounts": [],
        "transfer_data": None,
    }


def _line(line: Json, prices: dict[str, Json]) -> Json:
    details = line["parent"]["subscription_item_details"]
    price = prices.get(line["pricing"]["price_details"]["price"])
    older = {
        **_without_newer(line, "line_item"),
        "plan": price and plan_of(price),
        "price": price,
        "proration": details["proration"],
        "proration_details": details["proration_details"],
        "subscription": details["subscription"],
        "subscription_item": details["subscription_item"],
        "tax_amounts": [],
        "tax_rates": [],
        "type": "invoiceitem" if details["invoice_item"] else "subscription",
    }
    return {**older, "invoice_item": details["invoice_item"]} if details["invoice_item"] else older


def _item(item: Json) -> Json:
    return _without_newer(item, "subscription_item")


def _without_newer(body: Json, kind: str) -> Json:
    return {name: value for name, value in body.items() if name not in _NEWER[kind]}
