"""A payment's score from the model's probability and the weights of the rules that fired, and what it decides (U9).

Probabilities are parts per million, weights basis points, scores hundredths (0 to 10,000 for 0 to 100): integers, so
that a score on a limit is on it everywhere. Each fired rule leaves of what is still trusted the share 1 - w: the score
never falls by a rule, never passes 100, and does not depend on the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Decision = Literal["allow", "review", "block"]

WHOLE_PPM = 1_000_000
WHOLE_BP = 10_000
HIGHEST_HUNDREDTHS = 10_000
HEAVIEST_BP = WHOLE_BP - 1
"""No rule alone is certainty: that is what the gates are for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which score, in hundredths, a payment is held, and from which it is blocked."""

    review_hundredths: int
    block_hundredths: int


def score_of(probability_ppm: int, weights_bp: Iterable[int]) -> int:
    """100 x (1 - (1-P) x the product of (1-w)), in hundredths, rounded down."""
    assert 0 <= probability_ppm <= WHOLE_PPM
    trusted, whole = WHOLE_PPM - probability_ppm, WHOLE_PPM
    for weight in weights_bp:
        assert 0 <= weight <= HEAVIEST_BP
        trusted, whole = trusted * (WHOLE_BP - weight), whole * WHOLE_BP
    return HIGHEST_HUNDREDTHS * (whole - trusted) // whole


def decision_of(hundredths: int, limits: Limits) -> Decision:
    """A score on a limit is past it."""
    if hundredths >= limits.block_hundredths:
        return "block"
    return "review" if hundredths >= limits.review_hundredths else "allow"


def as_number(hundredths: int) -> int | float:
    """A score as people and JSON read it: 70, 69.99."""
    whole, rest = divmod(hundredths, 100)
    return whole if rest == 0 else hundredths / 100
