"""The features of many payments at once: `domain/model_features.py` in columns, equal to it in every float.

A cell is what an entity did on one day. Cells sorted by entity and day hold an entity's past right before them, so
that 38 shifts lay out everybody's last days as a matrix (payments x lags), a block of cells at a time. Today's column
is each payment's own: what came before it that day.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.fraud.domain.model_features import (
    AMOUNT_WINDOWS,
    ELEVATED_DAYS,
    ELEVATED_TWICE,
    FEATURES,
    FIRST_HONEST_LAG,
    HISTORY_DAYS,
    LABEL_DELAY_DAYS,
    RISK_WINDOWS,
    SECONDS_PER_DAY,
    UNKNOWN,
)
from services.fraud.training.history import Flags, Floats, History, Ints

Matrix = NDArray[numpy.float32]
Progress = Callable[[str], None]
_BLOCK_CELLS = 30_000


@dataclass(frozen=True)
class _Past:
    """As in the domain, a row for each payment."""

    counts: Ints
    cents: Ints
    frauds: Ints
    honest: Ints

    def of(self, rows: Ints) -> "_Past":
        """Some of them, in that order, copied."""
        return _Past(self.counts[rows], self.cents[rows], self.frauds[rows], self.honest[rows])


def feature_table(history: History, wanted: Flags, *, progress: Progress = lambda _said: None) -> Matrix:
    """The features of the wanted rows, in their order; the whole history serves them, each label from its day on."""
    place = numpy.cumsum(wanted) - 1
    table = numpy.empty((int(wanted.sum()), len(FEATURES)), numpy.float32)
    table[:, 0] = history.cents[wanted]
    at = 1
    for name, entity, groups in (
        ("customers", history.customer, (_amounts, _habits, _risks)),
        ("terminals", history.terminal, (_amounts, _risks, _run)),
    ):
        width = 0
        for rows, past, done in _pasts(history, entity, wanted):
            cents = history.cents[rows]
            columns = [column for group in groups for column in group(cents, past)]
            width = len(columns)
            table[place[rows], at : at + width] = numpy.stack(columns, axis=1)
            progress(f"features of {name}: {done:.0%}")
        at += width
    assert at == len(FEATURES) or not len(table), "each group gives as many columns as the domain names"
    return table


@dataclass(frozen=True)
class _Cells:
    """Who did what on which day, sorted by entity and day: `key` is entity * span + day. Frauds are kept one by one:
    the cell they are in, their day, and the second from which on their labels serve."""

    key: Ints
    span: int
    counts: Ints
    cents: Ints
    unknown: Ints
    fraud_cell: Ints
    fraud_day: Ints
    fraud_serves_from: Ints

    def block(self, low: int, high: int) -> _Past:
        """The pasts of the cells low to high, as if nothing had happened on their own day, nor been known since it
        began."""
        counts, cents, unknown = self._laid_out(low, high, (self.counts, self.cents, self.unknown))
        frauds = self._frauds_known(low, high)
        honest = counts - frauds - unknown
        honest[:, :FIRST_HONEST_LAG] = 0
        return _Past(counts, cents, frauds, honest)

    def _laid_out(self, low: int, high: int, figures: tuple[Ints, ...]) -> list[Ints]:
        matrices = [numpy.zeros((high - low, HISTORY_DAYS), numpy.int64) for _ in figures]
        for shift in range(1, HISTORY_DAYS):
            here = numpy.arange(max(low, shift), high)
            there = here - shift
            lag = self.key[here] - self.key[there]
            near = (lag < HISTORY_DAYS) & (self.key[here] // self.span == self.key[there] // self.span)
            for matrix, figure in zip(matrices, figures, strict=True):
                matrix[here[near] - low, lag[near]] = figure[there[near]]
        return matrices

    def _frauds_known(self, low: int, high: int) -> Ints:
        """Each fraud counts for the cells of its entity from the day that its label was there for until it is too long
        ago."""
        matrix = numpy.zeros((high - low, HISTORY_DAYS), numpy.int64)
        key = self.key[self.fraud_cell]
        entity = key - self.fraud_day
        known_on = self.fraud_serves_from // SECONDS_PER_DAY + 1
        first = numpy.searchsorted(self.key, entity + numpy.minimum(known_on, self.span))
        end = numpy.searchsorted(self.key, entity + numpy.minimum(self.fraud_day + HISTORY_DAYS, self.span))
        first, end = numpy.clip(first, low, high), numpy.clip(end, low, high)
        many = numpy.maximum(end - first, 0)
        nth = numpy.arange(many.sum()) - numpy.repeat(numpy.cumsum(many) - many, many)
        reader = numpy.repeat(first, many) + nth
        numpy.add.at(matrix, (reader - low, self.key[reader] - numpy.repeat(key, many)), 1)
        return matrix


class _JustKnown:
    """Frauds of the seventh day before a payment whose labels serve it by the payment's time of day."""

    def __init__(self, fraud_key: Ints, day: Ints, serves_from: Ints) -> None:
        late = serves_from - (day + LABEL_DELAY_DAYS) * SECONDS_PER_DAY
        that_day = late < SECONDS_PER_DAY
        self._known = numpy.sort(fraud_key[that_day] * SECONDS_PER_DAY + late[that_day])

    def of(self, key: Ints, day: Ints, second: Ints) -> Ints:
        """How many, for payments of these entities and days (`key`), at these seconds."""
        begins = (key - LABEL_DELAY_DAYS) * SECONDS_PER_DAY
        until = numpy.searchsorted(self._known, begins + second % SECONDS_PER_DAY, side="right")
        return numpy.where(day >= LABEL_DELAY_DAYS, until - numpy.searchsorted(self._known, begins), 0)


def _pasts(history: History, entity: Ints, wanted: Flags) -> Iterator[tuple[Ints, _Past, float]]:
    """Blocks of wanted rows with their pasts, and how far along it is."""
    days = history.day
    span = int(days.max(initial=0)) + 1
    key = entity * span + days
    order = numpy.argsort(key, kind="stable")
    cells, first, size = numpy.unique(key[order], return_index=True, return_counts=True)
    before = _running(history.cents[order], first, size)
    frauds = numpy.flatnonzero(history.is_fraud)
    book = _Cells(
        key=cells,
        span=span,
        counts=size,
        cents=_summed(history.cents[order], first),
        unknown=_summed((~history.is_judged)[order].astype(numpy.int64), first),
        fraud_cell=numpy.searchsorted(cells, key[frauds]),
        fraud_day=days[frauds],
        fraud_serves_from=history.serves_from[frauds],
    )
    just_known = _JustKnown(key[frauds], days[frauds], history.serves_from[frauds])
    for low in range(0, len(cells), _BLOCK_CELLS):
        high = min(low + _BLOCK_CELLS, len(cells))
        held = numpy.arange(first[low], first[high - 1] + size[high - 1])
        held = held[wanted[order[held]]]
        if len(held):
            cell = numpy.searchsorted(first, held, side="right") - 1
            past = book.block(low, high).of(cell - low)
            rows = order[held]
            past.counts[:, 0], past.cents[:, 0] = held - first[cell], before[held]
            past.frauds[:, LABEL_DELAY_DAYS] = just_known.of(key[rows], days[rows], history.second[rows])
            yield rows, past, high / len(cells)


def _summed(figures: Ints, first: Ints) -> Ints:
    """Of each cell."""
    return numpy.asarray(numpy.add.reduceat(figures, first)) if len(first) else figures


def _running(figures: Ints, first: Ints, size: Ints) -> Ints:
    """Of each row the sum of its cell's rows before it."""
    sums = numpy.cumsum(figures) - figures
    return numpy.asarray(sums - numpy.repeat(sums[first], size))


def _ratio(part: Ints, whole: Ints) -> Floats:
    found = numpy.full(len(part), UNKNOWN)
    numpy.divide(part, whole, out=found, where=whole != 0)
    return found


def _amounts(cents: Ints, past: _Past) -> Iterator[Floats | Ints]:
    yield past.counts[:, 0]
    yield _ratio(cents * past.counts[:, 0], past.cents[:, 0])
    yield _first_lag(past.counts > 0)
    for days in AMOUNT_WINDOWS:
        count, total = past.counts[:, 1 : 1 + days].sum(1), past.cents[:, 1 : 1 + days].sum(1)
        yield count
        yield _ratio(total, count)
        yield _ratio(cents * count, total)


def _habits(cents: Ints, past: _Past) -> Iterator[Floats | Ints]:
    count, total = past.counts[:, 1:], past.cents[:, 1:]
    means = numpy.full(count.shape, numpy.inf)
    numpy.divide(total, count, out=means, where=count > 0)
    active = (count > 0).sum(1)
    means.sort(axis=1)
    rows = numpy.arange(len(cents))
    middle = numpy.where(active > 0, means[rows, numpy.maximum(active - 1, 0) // 2], UNKNOWN)
    highest = numpy.where(active > 0, means[rows, numpy.maximum(active - 1, 0)], 0.0)
    yield active
    yield middle
    yield _over(cents, middle)
    yield _over(cents, highest)
    lately, of_them = past.cents[:, : 1 + ELEVATED_DAYS], past.counts[:, : 1 + ELEVATED_DAYS]
    far = 2 * lately > ELEVATED_TWICE * middle[:, None] * of_them
    yield (far & (of_them > 0) & (middle[:, None] > 0)).sum(1)


def _over(cents: Ints, level: Floats) -> Floats:
    found = numpy.full(len(cents), UNKNOWN)
    numpy.divide(cents, level, out=found, where=level > 0)
    return found


def _risks(_cents: Ints, past: _Past) -> Iterator[Floats | Ints]:
    for days in RISK_WINDOWS:
        judged = slice(FIRST_HONEST_LAG + days)
        frauds, honest = past.frauds[:, judged].sum(1), past.honest[:, judged].sum(1)
        yield frauds
        yield _ratio(frauds, frauds + honest)
    yield _first_lag(past.frauds > 0)
    yield _first_lag(past.honest > 0)
    yield _last_lag(past.frauds > 0)


def _run(_cents: Ints, past: _Past) -> Iterator[Floats | Ints]:
    lags = numpy.arange(HISTORY_DAYS)
    last_honest = _first_lag(past.honest > 0)
    run = (past.frauds > 0) & (lags < last_honest[:, None])
    began = _last_lag(run)
    yield (past.frauds * run).sum(1)
    yield began
    yield numpy.where(began > 0, last_honest - began, UNKNOWN)
    yield _ratio((past.cents * run).sum(1), (past.counts * run).sum(1))
    first_fraud = _last_lag(past.frauds > 0)
    since = (past.honest * (lags <= first_fraud[:, None])).sum(1)
    yield numpy.where(first_fraud > 0, since, UNKNOWN)


def _first_lag(flags: Flags) -> Ints:
    return numpy.where(flags.any(1), flags.argmax(1), HISTORY_DAYS)


def _last_lag(flags: Flags) -> Ints:
    return numpy.where(flags.any(1), HISTORY_DAYS - 1 - flags[:, ::-1].argmax(1), -1)
