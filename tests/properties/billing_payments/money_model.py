"""What customers must have, by the stated rules alone: told what was ordered, what was spent, and what Stripe has.

Nothing of billing's is used. A purchase gives its credits once its charge has succeeded; refunds of T out of P take
`floor(credits * T / P)` of them in sum; a dispute that is open or lost takes the share of what it disputes, and all
that refunds have left where nothing stays undisputed. Credits are millicredits, amounts minor units.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

RATES = {"usd": Fraction(1), "eur": Fraction("0.92"), "jpy": Fraction(155), "bhd": Fraction("0.376")}
"""What a dollar is worth, and in what steps cards pay it."""
STEPS = {"usd": Fraction("0.01"), "eur": Fraction("0.01"), "jpy": Fraction(1), "bhd": Fraction("0.01")}
MINOR_UNITS = {"usd": 100, "eur": 100, "jpy": 1, "bhd": 1_000}

_REFUND_COUNTS = {"pending", "requires_action", "succeeded"}
_DISPUTE_TAKES = {"needs_response", "under_review", "lost"}


def price_minor(millicredits: int, currency: str) -> int:
    """A thousand credits are a dollar, rounded up to what can be paid."""
    units = Fraction(millicredits, 1_000_000) * RATES[currency]
    steps = -(-units // STEPS[currency])
    return int(steps * STEPS[currency] * MINOR_UNITS[currency])


@dataclass(frozen=True)
class Order:
    """What an account asked to buy."""

    account_id: str
    millicredits: int
    currency: str


@dataclass(frozen=True)
class AtStripe:
    """Stripe's own objects of an example, as its dashboard would show them."""

    charges: list[dict[str, Any]]
    refunds: list[dict[str, Any]]
    disputes: list[dict[str, Any]]
    transactions: list[dict[str, Any]]


@dataclass
class Model:
    """`top_ups` is what each automatic top-up of an account buys."""

    orders: dict[str, Order] = field(default_factory=dict)
    top_ups: dict[str, int] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)

    def order_of(self, charge: dict[str, Any]) -> Order:
        """What a charge pays for: an order from a page, or an account's top-up."""
        named = charge["metadata"]["payment_id"]
        if named in self.orders:
            return self.orders[named]
        account_id = charge["metadata"]["account_id"]
        return Order(account_id, self.top_ups[account_id], "usd")

    def credits(self, account_id: str, stripe: AtStripe) -> int:
        """What the account must have once all that Stripe has is known."""
        total = -self.spent.get(account_id, 0)
        paid_for: set[str] = set()
        for charge in (each for each in stripe.charges if each["status"] == "succeeded"):
            order, payment_id = self.order_of(charge), charge["metadata"]["payment_id"]
            assert charge["amount"] == price_minor(order.millicredits, order.currency), "charged what it costs"
            assert charge["currency"] == order.currency
            assert payment_id not in paid_for, "an order is paid once"
            paid_for.add(payment_id)
            if order.account_id == account_id:
                total += _left_of(order, charge, stripe)
        return total


def _left_of(order: Order, charge: dict[str, Any], stripe: AtStripe) -> int:
    bought, paid = order.millicredits, charge["amount"]
    refunds = [each for each in stripe.refunds if each["charge"] == charge["id"]]
    refunded = sum(each["amount"] for each in refunds if each["status"] in _REFUND_COUNTS)
    left = bought - bought * refunded // paid
    takes = (each for each in stripe.disputes if each["charge"] == charge["id"] and each["status"] in _DISPUTE_TAKES)
    dispute = next(takes, None)
    if dispute is None:
        return left
    if refunded + dispute["amount"] >= paid:
        return 0
    return left - bought * dispute["amount"] // paid
