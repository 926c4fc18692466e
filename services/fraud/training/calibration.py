"""From what trees say to how often it comes true: Platt's sigmoid over the log-odds.

It keeps the order of any two scores and has two numbers to learn, so a few hundred frauds do; a step function would
tie scores that the trees tell apart.
"""

from dataclasses import dataclass

import numpy
from sklearn.linear_model import LogisticRegression

from services.fraud.training.history import Flags, Floats

_LEAST = 20
"""Fewer frauds, or fewer honest payments, teach no calibration."""


@dataclass(frozen=True, slots=True)
class Platt:
    """P = 1 / (1 + exp(-(slope * log_odds + offset)))."""

    slope: float
    offset: float

    def __call__(self, log_odds: Floats) -> Floats:
        return numpy.asarray(1.0 / (1.0 + numpy.exp(-(self.slope * log_odds + self.offset))))


AS_SAID = Platt(1.0, 0.0)


def fitted(log_odds: Floats, truth: Flags) -> Platt:
    """Learnt from rows that the trees have not seen; what the trees say where there are too few of them, or where they
    would turn the order round."""
    if min(int(truth.sum()), int((~truth).sum())) < _LEAST:
        return AS_SAID
    model = LogisticRegression(C=1e6).fit(log_odds.reshape(-1, 1), truth)
    slope = float(model.coef_[0, 0])
    return Platt(slope, float(model.intercept_[0])) if slope > 0 else AS_SAID
