"""Training a model, from a history to a folder that serving takes.

Nothing that is learnt from has seen what it is judged by: the number of trees and the calibrator come from days after
the ones that trees were grown on. Where validation days are given, those; else the last fifth of the training days,
and the trees are then grown anew on all of them.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy
from sklearn.ensemble import HistGradientBoostingClassifier

from services.fraud.domain.model_features import FEATURES
from services.fraud.model.model import Model
from services.fraud.model.schema import MODEL_FILE, Probe, Schema
from services.fraud.training.boosting import MOST_TREES, SETTINGS, best_count, forest, grown, log_odds
from services.fraud.training.calibration import Platt, fitted
from services.fraud.training.feature_table import Matrix, Progress, feature_table
from services.fraud.training.history import BadHistory, Flags, Floats, History
from services.fraud.training.measures import measured
from services.fraud.training.onnx_file import onnx_bytes

Days = tuple[int, int]
LEAST_FRAUDS = 50
_HELD_BACK = 5
_PROBES = 5
_TOLERANCE = 1e-4


def train(
    history: History,
    *,
    train_days: Days,
    validate_days: Days | None,
    folder: Path,
    seed: int,
    at: datetime,
    most_trees: int = MOST_TREES,
    progress: Progress = lambda _said: None,
) -> Schema:
    """Train, write `model.onnx` and `schema.json` into the folder, and load them once as serving does. Raises
    `BadHistory` where the days hold too little."""
    rows = _rows(history, train_days, "training")
    table = feature_table(history, rows, progress=progress)
    if validate_days is None:
        grove = _by_last_days(history, rows, table, seed=seed, most_trees=most_trees, progress=progress)
    else:
        later = _rows(history, validate_days, "validation")
        grove = _by_later_days(history, rows, table, later, seed=seed, most_trees=most_trees, progress=progress)
    raw = onnx_bytes(forest(grove.model, trees=grove.trees), grove.calibrator, features=len(FEATURES))
    expected = grove.said(table)
    schema = Schema(
        version=f"trees-{hashlib.sha256(raw).hexdigest()[:12]}",
        trained_at=at.isoformat(timespec="seconds"),
        model_sha256=hashlib.sha256(raw).hexdigest(),
        data_sha256=history.digest(rows),
        data_rows=len(table),
        data_frauds=int(history.is_fraud[rows].sum()),
        train_days=train_days,
        validate_days=validate_days,
        calibrator={"kind": "platt", **asdict(grove.calibrator)},
        trainer={"library": f"scikit-learn {version('scikit-learn')}", "trees": grove.trees, "seed": seed, **SETTINGS},
        metrics=grove.metrics,
        probes=_probes(table, expected),
    )
    _write(folder, raw, schema)
    _compare(Model.load(folder), table, expected)
    return schema


@dataclass(frozen=True)
class _Grove:
    """Trees, how many of them count, what calibrates them, and how good they were on the days that chose that."""

    model: HistGradientBoostingClassifier
    trees: int
    calibrator: Platt
    metrics: dict[str, Any]

    def said(self, table: Matrix) -> Floats:
        return self.calibrator(log_odds(self.model, table, trees=self.trees))


def _by_later_days(
    history: History, rows: Flags, table: Matrix, later: Flags, *, seed: int, most_trees: int, progress: Progress
) -> _Grove:
    """Trees of the training days; validation days say how many, and calibrate them."""
    later_table = feature_table(history, later, progress=progress)
    return _chosen(history, rows, table, later, later_table, seed=seed, most_trees=most_trees, progress=progress)


def _by_last_days(
    history: History, rows: Flags, table: Matrix, *, seed: int, most_trees: int, progress: Progress
) -> _Grove:
    """The last fifth of the training days chooses; then trees are grown on all of them."""
    days = history.day[rows]
    split = int(days.max()) + 1 - max(1, (int(days.max()) + 1 - int(days.min())) // _HELD_BACK)
    early, late = rows & (history.day < split), rows & (history.day >= split)
    if min(int(history.is_fraud[early].sum()), int(history.is_fraud[late].sum())) == 0:
        raise BadHistory("Either the first training days have no fraud, or the last ones; take more days.")
    chosen = _chosen(
        history,
        early,
        table[days < split],
        late,
        table[days >= split],
        seed=seed,
        most_trees=most_trees,
        progress=progress,
    )
    progress(f"growing {chosen.trees} trees on all training days")
    model = grown(table, history.is_fraud[rows], trees=chosen.trees, seed=seed)
    return replace(chosen, model=model)


def _chosen(
    history: History,
    rows: Flags,
    table: Matrix,
    later: Flags,
    later_table: Matrix,
    *,
    seed: int,
    most_trees: int,
    progress: Progress,
) -> _Grove:
    """Trees of some rows; others, later than they, say how many, and calibrate them."""
    progress(f"growing up to {most_trees} trees on {len(table):,} payments")
    model = grown(table, history.is_fraud[rows], trees=most_trees, seed=seed)
    truth = history.is_fraud[later]
    trees = best_count(model, later_table, truth)
    calibrator = fitted(log_odds(model, later_table, trees=trees), truth)
    grove = _Grove(model, trees, calibrator, {})
    found = measured(history, grove.said(later_table), later, known_from_day=int(history.day[rows].min()))
    days = history.day[later]
    return replace(
        grove, metrics={"chosen_by_days": [int(days.min()), int(days.max()) + 1], "on_them": found.as_dict()}
    )


def _rows(history: History, days: Days, name: str) -> Flags:
    rows = history.within(days) & history.is_judged
    frauds = int(history.is_fraud[rows].sum())
    if frauds < LEAST_FRAUDS or frauds == int(rows.sum()):
        raise BadHistory(
            f"The {name} days {days[0]}:{days[1]} hold {int(rows.sum()):,} payments that are judged, {frauds} of them"
            f" frauds; at least {LEAST_FRAUDS} frauds, and honest payments, are needed. The file goes from day"
            f" {history.day.min()} to day {history.day.max()}."
        )
    return rows


def _probes(table: Matrix, expected: Floats) -> list[Probe]:
    """Rows from the least to the most suspicious."""
    order = numpy.argsort(expected, kind="stable")
    picked = order[numpy.linspace(0, len(order) - 1, _PROBES).astype(int)]
    return [Probe([float(value) for value in table[row]], round(float(expected[row]), 7)) for row in picked]


def _write(folder: Path, raw: bytes, schema: Schema) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(raw)
    schema.write(folder)


def _compare(model: Model, table: Matrix, expected: Floats) -> None:
    """What is served is what was trained, on every training row."""
    apart = float(numpy.abs(model.probabilities(table) - expected).max())
    assert apart < _TOLERANCE, f"the exported model is {apart} away from the trained one"
