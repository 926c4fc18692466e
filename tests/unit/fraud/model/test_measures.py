"""The Handbook's measures, by hand."""

import numpy
import pytest

from services.fraud.domain.model_features import SECONDS_PER_DAY
from services.fraud.training.history import BadHistory, History
from services.fraud.training.measures import calibration_error, card_precision, measured


def history(*rows: tuple[int, int, int]) -> History:
    """Of (day, customer, scenario)."""
    day, customer, scenario = numpy.array(rows).T
    return History.of(day * SECONDS_PER_DAY, customer, customer, day * 0 + 100, scenario)


def test_customers_not_payments_are_counted_by_their_highest_score() -> None:
    days = history((1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 2, 0))
    score = numpy.array([0.9, 0.1, 0.5, 0.4])
    assert card_precision(days, score, numpy.arange(4), cards=1) == 1.0
    assert card_precision(days, score, numpy.arange(4), cards=2) == 0.5


def test_customer_who_was_found_is_not_looked_at_on_later_days() -> None:
    days = history((1, 0, 1), (1, 1, 0), (2, 0, 1), (2, 1, 0))
    assert card_precision(days, numpy.array([0.9, 0.1, 0.9, 0.1]), numpy.arange(4), cards=1) == 0.5


def test_customer_with_a_fraud_is_known_eight_days_later() -> None:
    rows = [(1, 0, 1), (8, 0, 1), (8, 1, 0), (9, 0, 1), (9, 1, 1), (9, 2, 0)]
    days, score = history(*rows), numpy.full(6, 0.5)
    late = days.within((8, 10))
    assert measured(days, score[late], late, known_from_day=0).payments == 4
    assert measured(days, score[late], late, known_from_day=2).payments == 5


def test_days_without_frauds_measure_nothing() -> None:
    days = history((1, 0, 0), (1, 1, 0))
    with pytest.raises(BadHistory, match="no frauds"):
        measured(days, numpy.array([0.1, 0.2]), days.within((0, 2)), known_from_day=0)


def test_calibration_error_is_nought_where_scores_come_true() -> None:
    truth = numpy.tile([True, False, False, False], 50)
    assert calibration_error(truth, numpy.full(200, 0.25)) == pytest.approx(0.0, abs=0.02)
    assert calibration_error(truth, numpy.full(200, 0.75)) > 0.3
