"""Cards: which numbers pay, which do not, and which are none."""

from datetime import UTC, datetime

import pytest

from deploy.stripe_sandbox.domain import cards
from deploy.stripe_sandbox.domain.cards import Card, CardDetails, Decline

NOW = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())


def read(
    number: str = "4242424242424242", month: str = "12", year: str = "40", cvc: str | None = "123"
) -> Card | Decline:
    return cards.read_card(CardDetails(number, month, year, cvc), now=NOW, salt="salt")


def test_good_card_keeps_its_last_four_digits_only() -> None:
    card = read("4242 4242 4242 4242")
    assert isinstance(card, Card)
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("visa", "4242", 12, 2040)
    assert "42424242" not in repr(card)


def test_fingerprint_is_the_numbers_own() -> None:
    first, again, other = read(), read(year="41"), read("5555555555554444")
    assert isinstance(first, Card)
    assert isinstance(again, Card)
    assert isinstance(other, Card)
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize("number", cards.TEST_CARDS)
def test_every_test_number_passes_its_checksum(number: str) -> None:
    assert cards.passes_luhn(number)
    card = read(number, cvc="1234" if cards.TEST_CARDS[number].brand == "amex" else "123")
    assert isinstance(card, Card)
    assert cards.decline_of(card.behaviour) or card.behaviour.startswith("pays")


def test_every_ready_made_method_has_a_card() -> None:
    for name in cards.TEST_METHODS:
        assert cards.ready_made(name, now=NOW, salt="s") is not None
    assert cards.ready_made("pm_1abc", now=NOW, salt="s") is None


@pytest.mark.parametrize(
    "number", ["", "4242424242424241", "42424242", "4" * 40, "abcd", "４２４２４２４２４２４２４２４２"]
)
def test_wrong_number_is_refused(number: str) -> None:
    assert read(number) == cards.INCORRECT_NUMBER


def test_real_looking_number_is_declined_in_test_mode() -> None:
    card = read("4111111111111111")
    assert isinstance(card, Card)
    assert cards.decline_of(card.behaviour) == cards.LIVE_CARD


@pytest.mark.parametrize(
    ("month", "year", "expected"),
    [
        ("11", "26", None),
        ("11", "2026", None),
        ("10", "26", cards.INVALID_MONTH),
        ("12", "25", cards.INVALID_YEAR),
        ("0", "30", cards.INVALID_MONTH),
        ("13", "30", cards.INVALID_MONTH),
        ("12", "99", cards.INVALID_YEAR),
        ("12", "203", cards.INVALID_YEAR),
        ("", "", cards.INVALID_MONTH),
        ("99999999999999999999", "30", cards.INVALID_MONTH),
    ],
)
def test_expiry_counts_to_the_end_of_its_month(month: str, year: str, expected: Decline | None) -> None:
    found = read(month=month, year=year)
    assert found == expected if expected else isinstance(found, Card)


@pytest.mark.parametrize("cvc", ["", "12", "1234", "abc", "１２３"])
def test_wrong_code_is_refused(cvc: str) -> None:
    assert read(cvc=cvc) == cards.INVALID_CVC


def test_amex_has_four_digits_of_code() -> None:
    assert isinstance(read("378282246310005", cvc="1234"), Card)
    assert read("378282246310005", cvc="123") == cards.INVALID_CVC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12/34", ("12", "34")),
        ("12 / 2034", ("12", "2034")),
        ("1234", ("12", "34")),
        ("1/34", ("1", "34")),
        ("12-34", ("12", "34")),
        ("soon", ("", "")),
        ("12/34/56", ("", "")),
    ],
)
def test_expiry_is_read_as_people_write_it(text: str, expected: tuple[str, str]) -> None:
    assert cards.split_expiry(text) == expected
