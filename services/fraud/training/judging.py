"""A trained model's scores for a history, and how good they are."""

import numpy

from services.fraud.model.model import Model
from services.fraud.training.feature_table import Progress, feature_table
from services.fraud.training.history import BadHistory, Flags, Floats, History
from services.fraud.training.measures import Measures, measured

_WEEKS_BEFORE = 14
"""The Handbook's training week begins so many days before its test week."""
_ROWS_AT_ONCE = 200_000


def scores(
    history: History, model: Model, *, rows: Flags | None = None, progress: Progress = lambda _said: None
) -> Floats:
    """The probability of fraud for each of the rows (default: all), in order."""
    wanted = numpy.ones(len(history), bool) if rows is None else rows
    table = feature_table(history, wanted, progress=progress)
    parts = [table[at : at + _ROWS_AT_ONCE] for at in range(0, len(table), _ROWS_AT_ONCE)]
    return numpy.concatenate([numpy.empty(0), *(model.probabilities(part) for part in parts)])


def evaluate(
    history: History, model: Model, *, test_days: tuple[int, int], known_from_day: int | None, progress: Progress
) -> Measures:
    """How good the model is on these days. Raises `BadHistory` where the file can't tell."""
    rows = history.within(test_days)
    if not rows.any():
        raise BadHistory(
            f"No payment is on days {test_days[0]}:{test_days[1]}; the file goes from day {history.day.min()} to day"
            f" {history.day.max()}."
        )
    found = scores(history, model, progress=progress, rows=rows)
    if known_from_day is None:
        known_from_day = _known_from(history, model, test_days)
    return measured(history, found, rows, known_from_day=known_from_day)


def _known_from(history: History, model: Model, test_days: tuple[int, int]) -> int:
    """The training days' first, where this file is what the model was trained on; else as long ago as in the book."""
    schema = model.schema
    days = (schema.train_days[0], schema.train_days[1])
    learnt = history.within(days) & history.is_judged
    is_same = int(learnt.sum()) == schema.data_rows and history.digest(learnt) == schema.data_sha256
    return days[0] if is_same else max(test_days[0] - _WEEKS_BEFORE, 0)
