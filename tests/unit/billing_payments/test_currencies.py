"""Prices in other currencies: the stated rate, each currency's own minor unit, never under the price."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stripe_sandbox.domain import currencies
from deploy.stripe_sandbox.domain.errors import StripeError
from services.billing.domain.books.posting import MICROS as MICROS_OF_BOOKS
from services.billing.domain.books.posting import micros_of, money_of
from services.billing.domain.pricing import MICROS, price_of, rate_text, read_rates
from shared.money import MINOR_UNIT_DIGITS, Money, minor_unit_digits, step_minor

RATES = read_rates("eur:0.92, gbp:0.79,JPY:155,bhd:0.376")


@pytest.mark.parametrize(
    ("currency", "minor"),
    [("usd", 500), ("eur", 460), ("gbp", 395), ("jpy", 775), ("bhd", 1_880)],
)
def test_five_dollars_worth_is_asked_in_the_currencys_own_minor_unit(currency: str, minor: int) -> None:
    price = price_of(5_000, currency, RATES)
    assert (price.money, price.millicredits, price.usd_minor) == (Money(minor, currency), 5_000_000, 500)


def test_dinars_end_in_zero_since_cards_settle_two_decimals() -> None:
    assert price_of(5_001, "bhd", RATES).money == Money(1_890, "bhd")


@pytest.mark.parametrize("currency", sorted(currencies.SUPPORTED))
def test_every_currency_is_counted_charged_and_booked_as_the_sandbox_counts_and_takes_it(currency: str) -> None:
    digits, amount = currencies.decimals(currency), 600_000
    assert minor_unit_digits(currency) == digits
    assert micros_of(Money(10**digits, currency)) == MICROS_OF_BOOKS
    assert money_of(micros_of(Money(amount, currency)), currency) == Money(amount, currency)
    taken = [step for step in (1, 10, 100) if _takes(amount + step, currency)]
    assert taken[0] == step_minor(currency)


def _takes(amount_minor: int, currency: str) -> bool:
    try:
        currencies.check_amount(amount_minor, currency, param="amount")
    except StripeError:
        return False
    return True


@pytest.mark.parametrize(
    ("currency", "minor"), [("isk", 500), ("ugx", 500), ("huf", 500), ("twd", 500), ("jpy", 5), ("kwd", 5_000)]
)
def test_five_of_stripes_special_cases_are_counted_as_its_page_says(currency: str, minor: int) -> None:
    assert 5 * 10 ** minor_unit_digits(currency) == minor


@given(st.integers(1, 10**9), st.sampled_from(sorted(MINOR_UNIT_DIGITS)))
def test_nothing_is_sold_under_its_price_nor_more_than_a_step_above(credits: int, currency: str) -> None:
    price = price_of(credits, currency, RATES)
    due = Fraction(price.millicredits, MICROS) * Fraction(price.rate_micros, MICROS) * 10 ** MINOR_UNIT_DIGITS[currency]
    step = 10 if currency == "bhd" else 1
    assert due <= price.money.amount_minor < due + step
    assert price.money.amount_minor % step == 0


@pytest.mark.parametrize("text", ["usd:1", "eur", "eur:", "eur:x", "eur:0", "eur:-1", "eur:nan", "eur:1e9", "xyz:1"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|number"):
        read_rates(text)


def test_rates_read_as_they_were_stated() -> None:
    assert {name: rate_text(rate) for name, rate in RATES.items()} == {
        "eur": "0.92",
        "gbp": "0.79",
        "jpy": "155",
        "bhd": "0.376",
    }
    assert read_rates("") == {}
