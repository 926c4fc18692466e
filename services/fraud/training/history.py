"""A history of payments as columns, as training, evaluation and scoring take it: one row a payment, in order of time.

`scenario` is over 0 for a fraud, 0 for an honest payment and negative where nobody can tell. `known_sec`, which a file
may leave out, is when a fraud became known; a label serves later payments only when it is known, and seven days old.
"""

import hashlib
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.fraud.domain.model_features import LABEL_DELAY_DAYS, SECONDS_PER_DAY

Ints = NDArray[numpy.int64]
Floats = NDArray[numpy.float64]
Flags = NDArray[numpy.bool_]

HIGHEST_CENTS = 100_000_000_000
"""A billion dollars: beyond it a sum of many amounts would no longer be exact."""


class BadHistory(ValueError):
    """The payments can't be used; the message says which rows, and why."""


@dataclass(frozen=True)
class History:
    """Payments in order of time; `customer` and `terminal` are numbers from 0 on, whatever they were called."""

    second: Ints
    customer: Ints
    terminal: Ints
    cents: Ints
    scenario: Ints
    serves_from: Ints
    """The second from which on a row's label may serve another payment."""

    @classmethod
    def of(
        cls,
        second: Ints,
        customer: NDArray[numpy.generic],
        terminal: NDArray[numpy.generic],
        cents: Ints,
        scenario: Ints,
        *,
        known_second: Ints | None = None,
    ) -> "History":
        """Columns as they were read; raises `BadHistory`."""
        _refuse_disorder(second)
        if len(cents) and (cents.min() < 0 or cents.max() > HIGHEST_CENTS):
            row = int(numpy.argmax((cents < 0) | (cents > HIGHEST_CENTS)))
            raise BadHistory(f"Row {row + 1} has {cents[row]} cents; amounts go from 0 to {HIGHEST_CENTS}.")
        serves = second + LABEL_DELAY_DAYS * SECONDS_PER_DAY
        if known_second is not None:
            serves = numpy.maximum(serves, known_second)
        return cls(second, _numbered(customer), _numbered(terminal), cents, scenario, serves)

    def __len__(self) -> int:
        return len(self.second)

    @property
    def day(self) -> Ints:
        return self.second // SECONDS_PER_DAY

    @property
    def is_fraud(self) -> Flags:
        return self.scenario > 0

    @property
    def is_judged(self) -> Flags:
        return self.scenario >= 0

    def within(self, days: tuple[int, int]) -> Flags:
        """The rows of a half-open range of days."""
        day = self.day
        return (day >= days[0]) & (day < days[1])

    def digest(self, rows: Flags) -> str:
        """SHA-256 of these rows' times, amounts and labels: the same rows in another file have the same one."""
        digest = hashlib.sha256()
        for column in (self.second, self.cents, self.scenario):
            digest.update(numpy.ascontiguousarray(column[rows], "<i8").tobytes())
        return digest.hexdigest()


def _refuse_disorder(second: Ints) -> None:
    if len(second) and second[0] < 0:
        raise BadHistory("Row 1 has a negative `sec`.")
    back = numpy.flatnonzero(numpy.diff(second) < 0)
    if len(back):
        row = int(back[0]) + 2
        raise BadHistory(f"Row {row} is earlier than the row before it; sort the file by `sec`.")


def _numbered(names: NDArray[numpy.generic]) -> Ints:
    return numpy.asarray(numpy.unique(names, return_inverse=True)[1], numpy.int64)
