"""Credits are exact in both directions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import MAX_MILLICREDITS, Credits, millicredits_for_usd, millicredits_from, usd_cents_for


@given(st.integers(-MAX_MILLICREDITS, MAX_MILLICREDITS))
def test_credits_read_back_as_they_were_written(millicredits: int) -> None:
    assert millicredits_from(Decimal(str(Credits(millicredits)))) == millicredits


def test_a_tenth_and_two_tenths_are_three_tenths() -> None:
    assert str(Credits(millicredits_from(Decimal("0.1")) + millicredits_from(Decimal("0.2")))) == "0.3"


@pytest.mark.parametrize("number", ["0.0001", "1e-4", "1e400", "1e30", "NaN", "Infinity", "1e-999999"])
def test_what_is_no_amount_is_refused(number: str) -> None:
    with pytest.raises(ValueError):
        millicredits_from(Decimal(number))


def test_a_dollar_is_a_thousand_credits() -> None:
    assert Credits(millicredits_for_usd(100)) == Credits(1_000_000)
    assert usd_cents_for(5_000_000) == 500


def test_a_price_is_rounded_up_to_the_cent() -> None:
    assert usd_cents_for(1) == 1
    assert usd_cents_for(10_001) == 2
