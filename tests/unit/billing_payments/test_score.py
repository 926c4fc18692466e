"""Scores as fraud says them, and as they are shown."""

from decimal import Decimal

import pytest

from services.billing.domain.score import read_score, score_number


@pytest.mark.parametrize("said", [0, 70, 69.99, 84.99, 85, 0.07, 99.9, 100])
def test_score_is_read_exactly_and_told_as_it_was_said(said: int | float) -> None:
    assert read_score(said) == Decimal(str(said))
    told = score_number(read_score(said))
    assert told == said
    assert isinstance(told, int) == (said == int(said))


@pytest.mark.parametrize("said", [-0.01, 100.01, 69.999, float("nan"), float("inf"), True, "70", None])
def test_what_is_no_score_is_not_taken_for_one(said: object) -> None:
    with pytest.raises(ValueError, match="a score"):
        read_score(said)


def test_payment_without_a_score_shows_none() -> None:
    assert score_number(None) is None
