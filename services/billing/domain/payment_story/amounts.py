"""Amounts as people write them: `4.60 EUR`, `500 JPY`, `1.250 BHD`."""

from services.billing.domain.books.posting import MICROS, micros_of, micros_of_minor
from shared.money import Credits, Money

_MOST_DECIMALS = 6


def money_text(money: Money) -> str:
    """With the currency's own decimals."""
    return micros_text(micros_of(money), money.currency)


def minor_text(amount_minor: int, currency: str) -> str:
    """The same of a number of minor units, in any currency that a balance may be kept in."""
    return micros_text(micros_of_minor(amount_minor, currency), currency)


def micros_text(micros: int, currency: str) -> str:
    """Micros of the currency's major unit: its own decimals, and more where there is more to say."""
    whole, rest = divmod(abs(micros), MICROS)
    decimals = f"{rest:06d}".rstrip("0").ljust(_decimals_of(currency), "0")
    number = f"{whole}.{decimals}" if decimals else f"{whole}"
    return f"{'-' if micros < 0 else ''}{number} {currency.upper()}"


def credits_text(millicredits: int) -> str:
    """`2173.913 credits`."""
    return f"{Credits(millicredits)} credit{'' if abs(millicredits) == 1_000 else 's'}"


def _decimals_of(currency: str) -> int:
    return _MOST_DECIMALS - (len(str(micros_of_minor(1, currency))) - 1)
