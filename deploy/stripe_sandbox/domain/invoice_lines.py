"""Lines of an invoice, and the invoice items that wait for one; amounts in minor units."""

from datetime import UTC, datetime

from deploy.stripe_sandbox.domain import currencies
from deploy.stripe_sandbox.domain.proration import Proration
from deploy.stripe_sandbox.domain.values import Json

_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def period_line(line_id: str, item: Json, *, invoice_id: str, product_name: str, trial: bool = False) -> Json:
    """What an item costs for its present period; a trial costs nothing."""
    price, quantity = item["price"], item["quantity"]
    line = _line(
        line_id,
        invoice_id=invoice_id,
        price=price,
        quantity=quantity,
        amount_minor=0 if trial else price["unit_amount"] * quantity,
        description=f"Trial period for {product_name}" if trial else _sold(price, quantity, product_name),
        period=(item["current_period_start"], item["current_period_end"]),
    )
    line["parent"] = _parent(item["subscription"], item["id"], invoice_item=None)
    return line


def item_line(line_id: str, waiting: Json, *, invoice_id: str | None) -> Json:
    """The line of an invoice item."""
    price = {"id": waiting["pricing"]["price_details"]["price"], "currency": waiting["currency"], "unit_amount": 0}
    price["product"] = waiting["pricing"]["price_details"]["product"]
    line = _line(
        line_id,
        invoice_id=invoice_id,
        price=price,
        quantity=waiting["quantity"],
        amount_minor=waiting["amount"],
        description=waiting["description"],
        period=(waiting["period"]["start"], waiting["period"]["end"]),
    )
    details = waiting["parent"]["subscription_details"]
    line["pricing"]["unit_amount_decimal"] = None
    line["discountable"] = False
    line["parent"] = _parent(details["subscription"], details["subscription_item"], invoice_item=waiting["id"])
    return line


def new_invoice_item(
    item_id: str, proration: Proration, *, subscription: Json, product_name: str, at: int, now: int
) -> Json:
    """A proration that waits for the subscription's next invoice."""
    time = "Unused" if proration.is_credit else "Remaining"
    day = datetime.fromtimestamp(at, UTC)
    many = f"{proration.quantity} × " if proration.quantity != 1 else ""
    return {
        "id": item_id,
        "object": "invoiceitem",
        "amount": proration.amount_minor,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_account": None,
        "date": now,
        "description": f"{time} time on {many}{product_name} after {day:%d %b %Y}",
        "discountable": False,
        "discounts": [],
        "frozen_fields": None,
        "invoice": None,
        "invoicing_rules": None,
        "livemode": False,
        "metadata": {},
        "net_amount": proration.amount_minor,
        "parent": {
            "subscription_details": {
                "subscription": subscription["id"],
                "subscription_item": proration.item_id,
            },
            "type": "subscription_details",
        },
        "period": {"end": proration.end, "start": proration.start},
        "pricing": {
            "price_details": {"price": proration.price["id"], "product": proration.price["product"]},
            "type": "price_details",
            "unit_amount_decimal": None,
        },
        "proration": True,
        "proration_details": {"credited_items": None, "discount_amounts": []},
        "quantity": proration.quantity,
        "quantity_decimal": str(proration.quantity),
        "tax_rates": [],
        "test_clock": None,
    }


def _line(
    line_id: str,
    *,
    invoice_id: str | None,
    price: Json,
    quantity: int,
    amount_minor: int,
    description: str,
    period: tuple[int, int],
) -> Json:
    return {
        "id": line_id,
        "object": "line_item",
        "amount": amount_minor,
        "currency": price["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": None,
        "subtotal": amount_minor,
        "taxes": [],
    }


def _parent(subscription_id: str, item_id: str, *, invoice_item: str | None) -> Json:
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": invoice_item,
            "proration": invoice_item is not None,
            "proration_details": {"credited_items": None},
            "subscription": subscription_id,
            "subscription_item": item_id,
        },
        "type": "subscription_item_details",
    }


def _sold(price: Json, quantity: int, product_name: str) -> str:
    """`1 × Plan (at $25.00 / month)`"""
    recurring = price["recurring"]
    count, interval = recurring["interval_count"], recurring["interval"]
    every = interval if count == 1 else f"every {count} {interval}s"
    return f"{quantity} × {product_name} (at {_shown(price['unit_amount'], price['currency'])} / {every})"


def _shown(amount_minor: int, currency: str) -> str:
    text = currencies.display(amount_minor, currency)
    return f"{_SYMBOLS[currency]}{text.split()[0]}" if currency in _SYMBOLS else text
