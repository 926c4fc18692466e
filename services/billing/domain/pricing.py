"""What credits cost. $1 = 1,000 credits (C6); the currencies that credits are sold in are this module's table.

Prices are whole minor units, rounded up, so that nothing is sold under its price.
"""

from dataclasses import dataclass

from shared.errors import Invalid
from shared.money import MILLICREDITS_PER_CREDIT, Money, usd_cents_for

SOLD_IN = frozenset({"usd"})


@dataclass(frozen=True, slots=True)
class Price:
    """What a purchase of `millicredits` is asked for, and the same in US cents, which limits count in."""

    millicredits: int
    money: Money
    usd_minor: int


def price_of(credits: int, currency: str) -> Price:
    """The price of whole credits. Raises Invalid for a currency that credits are not sold in."""
    assert credits > 0
    name = currency.lower()
    if name not in SOLD_IN:
        raise Invalid("/currency", f"credits are sold in {', '.join(sorted(SOLD_IN))}")
    millicredits = credits * MILLICREDITS_PER_CREDIT
    cents = usd_cents_for(millicredits)
    return Price(millicredits=millicredits, money=Money(cents, name), usd_minor=cents)
