"""Where scores fall that lie on a limit, and next to it."""

import pytest

from services.fraud.domain.score import Limits, as_number, decision_of, score_of

LIMITS = Limits(review_hundredths=7_000, block_hundredths=8_500)


@pytest.mark.parametrize(
    ("hundredths", "decision"),
    [
        (0, "allow"),
        (6_999, "allow"),
        (7_000, "review"),
        (7_001, "review"),
        (8_499, "review"),
        (8_500, "block"),
        (8_501, "block"),
        (10_000, "block"),
    ],
)
def test_a_score_on_a_limit_is_past_it(hundredths: int, decision: str) -> None:
    assert decision_of(hundredths, LIMITS) == decision


@pytest.mark.parametrize(
    ("weights", "score", "decision"),
    [
        ([6_999], 6_999, "allow"),
        ([7_000], 7_000, "review"),
        ([8_499], 8_499, "review"),
        ([8_500], 8_500, "block"),
        ([5_000, 4_000], 7_000, "review"),
        ([5_000, 7_000], 8_500, "block"),
        ([], 0, "allow"),
    ],
)
def test_weights_alone_reach_the_limits_exactly(weights: list[int], score: int, decision: str) -> None:
    assert score_of(0, weights) == score
    assert decision_of(score, LIMITS) == decision


def test_what_lies_between_two_hundredths_is_rounded_down() -> None:
    assert score_of(699_999, []) == 6_999
    assert score_of(849_999, []) == 8_499


def test_probability_and_rules_work_together() -> None:
    assert score_of(500_000, [5_000]) == 7_500


def test_a_certain_model_is_the_highest_score() -> None:
    assert score_of(1_000_000, []) == 10_000


def test_whole_scores_are_whole_numbers() -> None:
    assert (as_number(7_000), as_number(6_999), as_number(0)) == (70, 69.99, 0)
    assert isinstance(as_number(7_000), int)
