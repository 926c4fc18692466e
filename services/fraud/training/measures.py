"""How good scores are, as the Fraud Detection Handbook measures it (fraud-detection-handbook.github.io, chapters 3-5):
a customer who is known as compromised by the day of a payment is no longer looked at.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy
from sklearn.metrics import average_precision_score, roc_auc_score

from services.fraud.domain.model_features import FIRST_HONEST_LAG
from services.fraud.training.history import BadHistory, Flags, Floats, History, Ints

CARDS_A_DAY = 100
CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True)
class Measures:
    """Of the payments that are looked at; `calibration_error` is the mean distance between what was said and what was,
    over ten groups of as many frauds expected, each weighted by its payments."""

    payments: int
    frauds: int
    auc_roc: float
    average_precision: float
    card_precision_100: float
    calibration_error: float
    expected_frauds: float

    def as_dict(self) -> dict[str, float]:
        """For `schema.json`, rounded."""
        return {name: round(value, 5) for name, value in asdict(self).items()}


def measured(history: History, score: Floats, rows: Flags, *, known_from_day: int) -> Measures:
    """The measures of some rows, whose scores are given in their order. Frauds since `known_from_day` make a customer
    known as compromised, eight days later. Raises `BadHistory` where the rows can't tell good scores from bad."""
    whole = numpy.zeros(len(history))
    whole[rows] = score
    seen = _not_yet_known(history, rows & history.is_judged, known_from_day)
    truth = history.is_fraud[seen]
    if not truth.any() or truth.all():
        raise BadHistory("These days hold no frauds, or nothing else, among customers who aren't known as compromised.")
    return Measures(
        payments=len(truth),
        frauds=int(truth.sum()),
        auc_roc=float(roc_auc_score(truth, whole[seen])),
        average_precision=float(average_precision_score(truth, whole[seen])),
        card_precision_100=card_precision(history, whole, seen),
        calibration_error=calibration_error(truth, whole[seen]),
        expected_frauds=float(whole[seen].sum()),
    )


def _not_yet_known(history: History, rows: Flags, known_from_day: int) -> Ints:
    """The rows of customers without a fraud that is known by the row's day."""
    frauds = numpy.flatnonzero(history.is_fraud & (history.day >= known_from_day))
    known_on = numpy.full(int(history.customer.max(initial=-1)) + 1, numpy.iinfo(numpy.int64).max)
    numpy.minimum.at(known_on, history.customer[frauds], history.day[frauds] + FIRST_HONEST_LAG)
    found = numpy.flatnonzero(rows)
    return found[known_on[history.customer[found]] > history.day[found]]


def card_precision(history: History, score: Floats, rows: Ints, *, cards: int = CARDS_A_DAY) -> float:
    """Of the customers with the day's highest scores the share who were defrauded that day, averaged over the days; one
    who was found so is no longer looked at on later days."""
    found: set[int] = set()
    shares = []
    for today in _days(history, rows):
        customers, place = numpy.unique(history.customer[today], return_inverse=True)
        highest, defrauded = numpy.full(len(customers), -1.0), numpy.zeros(len(customers), bool)
        numpy.maximum.at(highest, place, score[today])
        numpy.logical_or.at(defrauded, place, history.is_fraud[today])
        open_ = ~numpy.isin(customers, list(found))
        top = numpy.flatnonzero(open_)[numpy.argsort(-highest[open_], kind="stable")[:cards]]
        found.update(customers[top][defrauded[top]].tolist())
        shares.append(defrauded[top].sum() / cards)
    return float(numpy.mean(shares))


def _days(history: History, rows: Ints) -> Iterator[Ints]:
    day = history.day[rows]
    for each in numpy.unique(day):
        yield rows[day == each]


def calibration_error(truth: Flags, score: Floats) -> float:
    """How far a probability is from how often it comes true."""
    order = numpy.argsort(score, kind="stable")
    reached = numpy.cumsum(score[order])
    edges = numpy.searchsorted(reached, reached[-1] * numpy.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS)
    groups = [group for group in numpy.split(order, edges) if len(group)]
    return float(sum(abs(score[group].sum() - truth[group].sum()) for group in groups) / len(truth))
