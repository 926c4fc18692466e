"""Currencies, bounds of amounts and Stripe's fee."""

import pytest

from deploy.stripe_sandbox.domain import balance_transactions, charges, currencies
from deploy.stripe_sandbox.domain.errors import StripeError


@pytest.mark.parametrize(
    ("amount", "currency", "fee"),
    [(500, "usd", 45), (2500, "usd", 103), (10_000, "usd", 320), (517, "usd", 45), (518, "usd", 45), (1000, "jpy", 59)],
)
def test_fee_is_2_9_percent_and_the_fixed_part_rounded_half_up(amount: int, currency: str, fee: int) -> None:
    assert charges.fee_minor(amount, currency) == fee


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(5, "usd", "0.05 USD"), (123456, "eur", "1,234.56 EUR"), (500, "jpy", "500 JPY"), (1500, "bhd", "1.500 BHD")],
)
def test_amounts_are_shown_with_their_currencys_decimals(amount: int, currency: str, shown: str) -> None:
    assert currencies.display(amount, currency) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "usd", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
        (2001, "bhd", "parameter_invalid_integer"),
        (500_050, "ugx", "invalid_charge_amount_no_decimal_compatible"),
        (500_050, "isk", "invalid_charge_amount_no_decimal_compatible"),
    ],
)
def test_amount_out_of_bounds_is_refused(amount: int, currency: str, code: str) -> None:
    with pytest.raises(StripeError) as refused:
        currencies.check_amount(amount, currency, param="amount")
    assert refused.value.code == code


def test_amounts_at_the_bounds_are_taken() -> None:
    for amount, currency in (
        (50, "usd"),
        (99_999_999, "usd"),
        (2000, "bhd"),
        (50, "jpy"),
        (500_000, "ugx"),
        (500_050, "huf"),
    ):
        currencies.check_amount(amount, currency, param="amount")


def test_currency_is_known_without_case() -> None:
    assert currencies.checked_currency("USD", param="currency") == "usd"
    with pytest.raises(StripeError):
        currencies.checked_currency("xyz", param="currency")


def test_money_becomes_available_with_time() -> None:
    transaction = {"available_on": 100, "status": "pending"}
    assert balance_transactions.transaction_at(transaction, now=99)["status"] == "pending"
    assert balance_transactions.transaction_at(transaction, now=100)["status"] == "available"
