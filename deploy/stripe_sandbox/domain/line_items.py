"""Line items of a checkout session: a price, a quantity, and what they come to."""

from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json


def new_line_item(item_id: str, *, price: Json, description: str, quantity: int, metadata: Json | None) -> Json:
    amount: int = price["unit_amount"] * quantity
    return {
        "id": item_id,
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": description,
        "metadata": merged({}, metadata),
        "price": price,
        "quantity": quantity,
    }
