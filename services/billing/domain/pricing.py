"""What credits cost. $1 = 1,000 credits (C6); in another currency at a rate that the operator states, which is kept
with the payment.

A rate is how many millionths of the currency's major unit a US dollar is worth (`eur` at 0.92: 920,000). Prices are
whole minor units, rounded up, so that nothing is sold under its price.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from shared.errors import Invalid
from shared.money import MILLICREDITS_PER_CREDIT, MINOR_UNIT_DIGITS, Money, step_minor, usd_cents_for

MICROS = 1_000_000
USD_RATE_MICROS = MICROS

_HIGHEST_RATE = 10**6

Rates = Mapping[str, int]
"""Micros of each currency's major unit for a US dollar."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a purchase of `millicredits` is asked for, the rate that made it so, and the same in US cents, which limits
    count in."""

    millicredits: int
    money: Money
    usd_minor: int
    rate_micros: int = USD_RATE_MICROS


def price_of(credits: int, currency: str, rates: Rates) -> Price:
    """The price of whole credits. Raises Invalid for a currency that credits are not sold in."""
    assert credits > 0
    name = currency.lower()
    rate_micros = USD_RATE_MICROS if name == "usd" else rates.get(name)
    if rate_micros is None:
        raise Invalid("/currency", f"credits are sold in {', '.join(sorted({'usd', *rates}))}")
    millicredits = credits * MILLICREDITS_PER_CREDIT
    return Price(
        millicredits=millicredits,
        money=Money(_minor(millicredits, name, rate_micros), name),
        usd_minor=usd_cents_for(millicredits),
        rate_micros=rate_micros,
    )


def usd_minor_of(money: Money, rates: Rates) -> int:
    """Money in US cents at the stated rate, rounded down; 0 where none is stated."""
    if money.currency == "usd":
        return money.amount_minor
    rate_micros = rates.get(money.currency)
    if rate_micros is None:
        return 0
    minor_per_unit: int = 10 ** MINOR_UNIT_DIGITS[money.currency]
    return money.amount_minor * 100 * MICROS // (rate_micros * minor_per_unit)


def _minor(millicredits: int, currency: str, rate_micros: int) -> int:
    """A millicredit is a millionth of a dollar; rounded up to what can be charged."""
    step = step_minor(currency)
    minor_per_unit: int = 10 ** MINOR_UNIT_DIGITS[currency]
    return -(-millicredits * rate_micros * minor_per_unit // (MICROS * MICROS * step)) * step


def read_rates(text: str) -> dict[str, int]:
    """Rates as a setting states them: `eur:0.92,jpy:155`. ValueError says what is wrong."""
    rates: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition(":")
        currency = name.strip().lower()
        if currency == "usd" or currency not in MINOR_UNIT_DIGITS:
            known = ", ".join(sorted(set(MINOR_UNIT_DIGITS) - {"usd"}))
            raise ValueError(f"states a rate for {currency!r}; it can for {known}")
        rates[currency] = _rate_micros(number.strip(), currency)
    return rates


def _rate_micros(number: str, currency: str) -> int:
    try:
        rate = Decimal(number)
    except InvalidOperation as error:
        raise ValueError(f"has no number for {currency}; write {currency}:0.92") from error
    if not (rate.is_finite() and 0 < rate < _HIGHEST_RATE and rate * MICROS == int(rate * MICROS)):
        raise ValueError(f"has a rate for {currency} that is not over 0 with at most 6 decimals")
    return int(rate * MICROS)


def rate_text(rate_micros: int) -> str:
    """A rate in decimals, as people state it: `0.92`."""
    whole, rest = divmod(rate_micros, MICROS)
    decimals = f"{rest:06d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)
