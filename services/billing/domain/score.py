"""Fraud's score of a payment: 0 to 100 with at most two decimals, exact here and a plain number on the wire."""

from decimal import Decimal

HIGHEST = Decimal(100)


def read_score(said: object) -> Decimal:
    """The score in a JSON answer. Raises ValueError where it is none."""
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise ValueError("a score that is no number")
    score = Decimal(str(said))
    if not score.is_finite() or not 0 <= score <= HIGHEST or score != round(score, 2):
        raise ValueError("a score out of range")
    return score


def score_number(score: Decimal | None) -> int | float | None:
    """As JSON and people read it: 70, 69.99."""
    if score is None:
        return None
    return int(score) if score == int(score) else float(score)
