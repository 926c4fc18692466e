"""Credits and money, in integers.

The ledger's unit is the millicredit: one millionth of a US dollar, a thousandth of a credit, and one token at the
default price. Money of the outside world is an integer of the currency's minor unit, as Stripe counts it. No float
exists here.

Source for minor units: Stripe's page "Supported currencies", with its special cases.
"""

from dataclasses import dataclass
from decimal import Decimal

MILLICREDITS_PER_CREDIT = 1_000
CREDITS_PER_USD = 1_000
MILLICREDITS_PER_CENT = MILLICREDITS_PER_CREDIT * CREDITS_PER_USD // 100

MAX_MILLICREDITS = 10**15
"""A thousand million dollars: more than this in one request is a mistake, and far under 2^63."""

_WITHOUT_MINOR_UNIT = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
_OF_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
_HUNDREDTHS_IN_NAME_ONLY = frozenset(("isk", "ugx"))
"""Nobody pays hundredths of these any more, and ISO 4217 knows none. Stripe counts in them all the same, and takes
whole hundreds. (`huf` and `twd` are paid out whole, and charged in hundredths as any other.)"""


def minor_unit_digits(currency: str) -> int:
    """Decimals of the minor unit in which Stripe counts a currency: 0, 2 or 3. Of any currency, since a balance may be
    kept in more than credits are sold in."""
    if currency in _WITHOUT_MINOR_UNIT:
        return 0
    return 3 if currency in _OF_THREE_DECIMALS else 2


def step_minor(currency: str) -> int:
    """What every amount that a card is charged is a multiple of. Cards settle three decimals in two, so Stripe wants
    the last one to be 0."""
    if currency in _HUNDREDTHS_IN_NAME_ONLY:
        return 100
    return 10 if currency in _OF_THREE_DECIMALS else 1


MINOR_UNIT_DIGITS = {currency: minor_unit_digits(currency) for currency in ("usd", "eur", "gbp", "jpy", "bhd")}
"""The currencies that credits can be sold in, where a rate is stated, with the decimals of their minor units."""


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
