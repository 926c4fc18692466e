"""The score, over all probabilities and all rules that may fire."""

import random
from fractions import Fraction
from math import floor, prod

from hypothesis import given
from hypothesis import strategies as st

from services.fraud.domain.score import Limits, as_number, decision_of, score_of

LIMITS = Limits(review_hundredths=7_000, block_hundredths=8_500)

probabilities = st.integers(0, 1_000_000)
weights = st.integers(0, 9_999)
rules = st.lists(weights, max_size=12)


@given(probability=probabilities, fired=rules, another=weights)
def test_a_fired_rule_never_lowers_the_score(probability: int, fired: list[int], another: int) -> None:
    assert score_of(probability, [*fired, another]) >= score_of(probability, fired)


@given(probability=probabilities, riskier=probabilities, fired=rules)
def test_a_higher_probability_never_lowers_the_score(probability: int, riskier: int, fired: list[int]) -> None:
    low, high = sorted((probability, riskier))
    assert score_of(low, fired) <= score_of(high, fired)


@given(probability=probabilities, fired=rules, index=st.integers(0, 11), heavier=weights)
def test_a_heavier_rule_never_lowers_the_score(probability: int, fired: list[int], index: int, heavier: int) -> None:
    raised = [max(weight, heavier) if at == index else weight for at, weight in enumerate(fired)]
    assert score_of(probability, raised) >= score_of(probability, fired)


@given(probability=probabilities, fired=rules)
def test_score_is_the_formula_rounded_down(probability: int, fired: list[int]) -> None:
    trusted = (1 - Fraction(probability, 10**6)) * prod((1 - Fraction(w, 10**4) for w in fired), start=Fraction(1))
    assert score_of(probability, fired) == floor(10_000 * (1 - trusted))


@given(probability=probabilities, fired=rules, seed=st.randoms(use_true_random=False))
def test_score_is_bounded_and_does_not_depend_on_the_order(
    probability: int, fired: list[int], seed: random.Random
) -> None:
    shuffled = list(fired)
    seed.shuffle(shuffled)
    assert 0 <= score_of(probability, shuffled) == score_of(probability, fired) <= 10_000


@given(score=st.integers(0, 10_000), higher=st.integers(0, 10_000))
def test_a_higher_score_is_never_treated_more_kindly(score: int, higher: int) -> None:
    order = ["allow", "review", "block"]
    low, high = sorted((score, higher))
    assert order.index(decision_of(low, LIMITS)) <= order.index(decision_of(high, LIMITS))


@given(score=st.integers(0, 10_000))
def test_number_says_the_hundredths_again(score: int) -> None:
    assert round(as_number(score) * 100) == score
