"""Training computes a table, serving one payment: the same floats, whatever the history."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.fraud.domain.model_features import FEATURES, LABEL_DELAY_DAYS, SECONDS_PER_DAY, Day, features_of
from services.fraud.training import feature_table as tables
from services.fraud.training.history import History


class Paid(NamedTuple):
    pause: int
    customer: int
    terminal: int
    cents: int
    scenario: int
    known_after: int


PAUSES = st.one_of(st.just(0), st.integers(1, 4_000), st.integers(1, 86_400), st.integers(1, 40 * 86_400))
PAYMENTS = st.lists(
    st.builds(
        Paid,
        PAUSES,
        st.integers(0, 2),
        st.integers(0, 2),
        st.one_of(st.just(0), st.integers(1, 50_000)),
        st.sampled_from([-1, 0, 0, 1, 3]),
        st.one_of(st.just(0), st.integers(0, 30 * 86_400)),
    ),
    min_size=1,
    max_size=40,
)


@given(payments=PAYMENTS, blocks=st.integers(1, 8), first_wanted=st.integers(0, 20))
@example(payments=[Paid(86_400, 0, 0, 100, 1, 0)] * 40, blocks=3, first_wanted=0)
@settings(deadline=None, max_examples=80)
def test_table_and_single_payments_agree(payments: Sequence[Paid], blocks: int, first_wanted: int) -> None:
    second = numpy.cumsum([paid.pause for paid in payments])
    history = History.of(
        second,
        *(numpy.array([paid[at] for paid in payments]) for at in (1, 2, 3, 4)),
        known_second=second + [paid.known_after for paid in payments],
    )
    wanted = numpy.arange(len(payments)) >= first_wanted
    before, tables._BLOCK_CELLS = tables._BLOCK_CELLS, blocks
    try:
        table = tables.feature_table(history, wanted)
    finally:
        tables._BLOCK_CELLS = before
    for row, at in zip(table, numpy.flatnonzero(wanted), strict=True):
        expected = numpy.array(_alone(payments, second.tolist(), int(at)), numpy.float32)
        different = [FEATURES[column] for column in numpy.flatnonzero(row != expected)]
        assert not different


def _alone(payments: Sequence[Paid], seconds: Sequence[int], at: int) -> list[float]:
    """As serving sees it: buckets of what came before, a fraud counted once it is known."""
    paid, today = payments[at], seconds[at] // SECONDS_PER_DAY
    customer: dict[int, Day] = {}
    terminal: dict[int, Day] = {}
    for second, earlier in zip(seconds[:at], payments[:at], strict=True):
        day = second // SECONDS_PER_DAY
        serves_from = second + max(LABEL_DELAY_DAYS * SECONDS_PER_DAY, earlier.known_after)
        now = seconds[at] if today - day == LABEL_DELAY_DAYS else today * SECONDS_PER_DAY - 1
        is_known = earlier.scenario > 0 and serves_from <= now
        for buckets, is_same in (
            (customer, earlier.customer == paid.customer),
            (terminal, earlier.terminal == paid.terminal),
        ):
            if is_same:
                had = buckets.get(day, Day(0, 0))
                buckets[day] = Day(
                    had.payments + 1,
                    had.cents + earlier.cents,
                    had.frauds + is_known,
                    had.unknown + (earlier.scenario < 0),
                )
    return features_of(paid.cents, seconds[at], customer, terminal)


@given(payments=PAYMENTS, scenarios=st.lists(st.sampled_from([-1, 0, 1]), min_size=40, max_size=40))
@settings(deadline=None, max_examples=40)
def test_no_label_of_the_last_seven_days_matters(payments: Sequence[Paid], scenarios: Sequence[int]) -> None:
    second = numpy.cumsum([paid.pause for paid in payments])
    columns = [numpy.array([paid[at] for paid in payments]) for at in (1, 2, 3, 4)]
    last = numpy.arange(len(payments)) == len(payments) - 1
    young = second > second[-1] - 7 * SECONDS_PER_DAY
    other = numpy.where(young, scenarios[: len(payments)], columns[3])
    told = tables.feature_table(History.of(second, *columns), last)
    told_otherwise = tables.feature_table(History.of(second, *columns[:3], other), last)
    assert (told == told_otherwise).all()
