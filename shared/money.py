"""Credits and money, in integers.

The ledger's unit is the millicredit: one millionth of a US dollar, a thousandth of a credit, and one token at the
default price. Money of the outside world is an integer of the currency's minor unit. No float exists here.
"""

from dataclasses import dataclass
from decimal import Decimal

MILLICREDITS_PER_CREDIT = 1_000
CREDITS_PER_USD = 1_000
MILLICREDITS_PER_CENT = MILLICREDITS_PER_CREDIT * CREDITS_PER_USD // 100

MAX_MILLICREDITS = 10**15
"""A thousand million dollars: more than this in one request is a mistake, and far under 2^63."""

MINOR_UNIT_DIGITS = {"usd": 2, "eur": 2, "gbp": 2, "jpy": 0, "bhd": 3}
"""Decimals of each currency's minor unit (ISO 4217)."""


@dataclass(frozen=True, slots=True, order=True)
class Credits:
    """An amount of credits as the public API says it: a JSON number with at most three decimals."""

    millicredits: int

    def __str__(self) -> str:
        sign = "-" if self.millicredits < 0 else ""
        whole, fraction = divmod(abs(self.millicredits), MILLICREDITS_PER_CREDIT)
        decimals = f"{fraction:03d}".rstrip("0")
        return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor unit (`2500` `usd` is $25.00)."""

    amount_minor: int
    currency: str

    def as_json(self) -> dict[str, object]:
        return {"amount": self.amount_minor, "currency": self.currency}


def millicredits_from(number: int | Decimal) -> int:
    """Credits as JSON said them, in millicredits. ValueError where they have more than three decimals,
    are no number, or are past `MAX_MILLICREDITS`."""
    if isinstance(number, Decimal) and (not number.is_finite() or abs(number.adjusted()) > 30):
        if number.is_finite() and number == 0:
            return 0
        raise ValueError("is not an amount of credits")
    scaled = Decimal(number) * MILLICREDITS_PER_CREDIT
    if scaled != scaled.to_integral_value():
        raise ValueError("has more than 3 decimals")
    if abs(scaled) > MAX_MILLICREDITS:
        raise ValueError("is too large")
    return int(scaled)


def usd_cents_for(millicredits: int) -> int:
    """The price in US cents of credits, rounded up so that nothing is sold under its price."""
    return -(-millicredits // MILLICREDITS_PER_CENT)


def millicredits_for_usd(cents: int) -> int:
    """The credits that so many US cents buy ($1 = 1,000 credits, C6)."""
    return cents * MILLICREDITS_PER_CENT
