"""Gradient-boosted trees, and how many of them.

scikit-learn's histogram trees: its wheels bring their own OpenMP for Linux and macOS, so that training needs nothing of
the system, and measured on the same days they were as good as LightGBM's (docs/fraud-model.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from services.fraud.training.feature_table import Matrix
from services.fraud.training.history import Flags, Floats

MOST_TREES = 300
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 20,
    "l2_regularization": 5.0,
    "max_features": 0.3,
    "early_stopping": False,
}


@dataclass(frozen=True)
class Tree:
    """Nodes by number, the root first. A leaf's `value` is what it adds to the log-odds; another node's `threshold`
    sends a row left where its feature is no greater."""

    feature: Sequence[int]
    threshold: Sequence[float]
    left: Sequence[int]
    right: Sequence[int]
    is_leaf: Sequence[bool]
    value: Sequence[float]


@dataclass(frozen=True)
class Forest:
    """The log-odds of fraud: `base`, and what each tree adds."""

    base: float
    trees: Sequence[Tree]


def grown(rows: Matrix, truth: Flags, *, trees: int, seed: int) -> HistGradientBoostingClassifier:
    """So many trees; for a million payments it takes a minute or two."""
    model = HistGradientBoostingClassifier(random_state=seed, max_iter=trees, **SETTINGS)
    return model.fit(rows, truth)


def best_count(model: HistGradientBoostingClassifier, rows: Matrix, truth: Flags) -> int:
    """After how many trees the model says these rows' frauds best (log loss)."""
    losses = [log_loss(truth, said[:, 1], labels=[False, True]) for said in model.staged_predict_proba(rows)]
    return int(numpy.argmin(losses)) + 1


def log_odds(model: HistGradientBoostingClassifier, rows: Matrix, *, trees: int) -> Floats:
    """What the first trees say, before it is calibrated."""
    said = next(islice(model.staged_decision_function(rows), trees - 1, None))
    return numpy.asarray(numpy.ravel(said), numpy.float64)


def forest(model: HistGradientBoostingClassifier, *, trees: int) -> Forest:
    """The first trees as plain values. scikit-learn shows them to nobody; what is read here is compared with what it
    predicts before a model is written."""
    grown_trees = [_tree(step[0].nodes) for step in model._predictors[:trees]]
    return Forest(float(numpy.ravel(model._baseline_prediction)[0]), grown_trees)


def _tree(nodes: "numpy.ndarray[Any, Any]") -> Tree:
    return Tree(
        feature=nodes["feature_idx"].tolist(),
        threshold=nodes["num_threshold"].tolist(),
        left=nodes["left"].tolist(),
        right=nodes["right"].tolist(),
        is_leaf=[bool(leaf) for leaf in nodes["is_leaf"].tolist()],
        value=nodes["value"].tolist(),
    )
