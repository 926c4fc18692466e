"""What the model sees of a payment: one definition for training and for serving.

A payment is an amount in cents and a second of business time; what came before it is known by the day, for its customer
(the account) and for its terminal (the device, else the address). Both histories end just before the payment: it is in
neither of them itself.

**No leakage.** A label serves a payment only where it is at least seven days older, to the second. Of younger days no
label is looked at, whatever the histories hold. On the seventh day before, the payments until this time of day are old
enough: whoever fills the histories counts that day's frauds as far as they are known by now (in training, those that
are seven days old), and nothing of that day counts as honest yet.

`-1` stands for what isn't known. Every figure comes from whole numbers by at most one division, so that
`services/fraud/training/feature_table.py`, which computes many rows at once, gets the very same floats; a property test
holds the two together. A change of any feature's meaning raises `MODEL_FEATURES_VERSION`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MODEL_FEATURES_VERSION = 1
SECONDS_PER_DAY = 86_400
HISTORY_DAYS = 38
"""Days that are looked at, the payment's own among them: seven without labels, and 28 of a compromise to be seen."""
LABEL_DELAY_DAYS = 7
FIRST_HONEST_LAG = LABEL_DELAY_DAYS + 1
UNKNOWN = -1.0
AMOUNT_WINDOWS = (1, 7, 30)
RISK_WINDOWS = (1, 7, 14, 28)
ELEVATED_TWICE = 5
"""A day is elevated where its mean amount is over 2.5 times that of the customer's middle day (5 / 2)."""
ELEVATED_DAYS = 14


class Day(NamedTuple):
    """What an entity did on one day: payments, their cents, how many of them are known as frauds by now, and how many
    of them nobody can tell (in serving none: a payment that nobody disputed in seven days is taken as honest)."""

    payments: int
    cents: int
    frauds: int = 0
    unknown: int = 0


DayBuckets = Mapping[int, Day]
"""By number of the day: its second // 86_400."""

_EMPTY = Day(0, 0)


@dataclass(frozen=True, slots=True)
class _Past:
    """An entity's last days by their lag: how many days before the payment's. Lag 0 is the payment's own day; of lags
    without labels no payment is a fraud or honest."""

    counts: Sequence[int]
    cents: Sequence[int]
    frauds: Sequence[int]
    honest: Sequence[int]

    @classmethod
    def of(cls, buckets: DayBuckets, day: int) -> "_Past":
        days = [buckets.get(day - lag, _EMPTY) for lag in range(HISTORY_DAYS)]
        return cls(
            [each.payments for each in days],
            [each.cents for each in days],
            [0] * LABEL_DELAY_DAYS + [each.frauds for each in days[LABEL_DELAY_DAYS:]],
            [0] * FIRST_HONEST_LAG + [each.payments - each.frauds - each.unknown for each in days[FIRST_HONEST_LAG:]],
        )


def features_of(cents: int, second: int, customer: DayBuckets, terminal: DayBuckets) -> list[float]:
    """The model's input, in the order of `FEATURES`. A history may hold more days than are looked at."""
    day = second // SECONDS_PER_DAY
    buyer, place = _Past.of(customer, day), _Past.of(terminal, day)
    return [
        float(cents),
        *_amounts(cents, buyer),
        *_habits(cents, buyer),
        *_risks(buyer),
        *_amounts(cents, place),
        *_risks(place),
        *_run(place),
    ]


def _names() -> Iterator[str]:
    yield "cents"
    yield from _amount_names("customer")
    yield from (
        "customer_active_days",
        "customer_middle_day",
        "customer_amount_to_middle_day",
        "customer_amount_to_highest_day",
        "customer_elevated_days",
    )
    yield from _risk_names("customer")
    yield from _amount_names("terminal")
    yield from _risk_names("terminal")
    yield from (
        "terminal_run_frauds",
        "terminal_run_age",
        "terminal_run_gap",
        "terminal_run_mean",
        "terminal_honest_since_first_fraud",
    )


def _amount_names(entity: str) -> Iterator[str]:
    yield from (f"{entity}_count_today", f"{entity}_amount_to_today", f"{entity}_days_since_last")
    for days in AMOUNT_WINDOWS:
        yield from (f"{entity}_count_{days}d", f"{entity}_mean_{days}d", f"{entity}_amount_to_mean_{days}d")


def _risk_names(entity: str) -> Iterator[str]:
    for days in RISK_WINDOWS:
        yield from (f"{entity}_frauds_{days}d", f"{entity}_risk_{days}d")
    yield from (f"{entity}_last_fraud_lag", f"{entity}_last_honest_lag", f"{entity}_first_fraud_lag")


FEATURES: tuple[str, ...] = tuple(_names())


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else UNKNOWN


def _amounts(cents: int, past: _Past) -> Iterator[float]:
    """How many and how large, today until now and in the days before; the amount against each mean."""
    yield float(past.counts[0])
    yield _ratio(cents * past.counts[0], past.cents[0])
    yield float(_first_lag(past.counts))
    for days in AMOUNT_WINDOWS:
        count, total = sum(past.counts[1 : 1 + days]), sum(past.cents[1 : 1 + days])
        yield float(count)
        yield _ratio(total, count)
        yield _ratio(cents * count, total)


def _habits(cents: int, past: _Past) -> Iterator[float]:
    """The amount against the customer's middle and highest day (the lower median of the days' means: a week of frauds
    moves it little), and how many days of late, today among them, were far over it."""
    means = [total / count for total, count in zip(past.cents[1:], past.counts[1:], strict=True) if count]
    middle = sorted(means)[(len(means) - 1) // 2] if means else UNKNOWN
    yield float(len(means))
    yield middle
    yield cents / middle if middle > 0 else UNKNOWN
    highest = max(means, default=0.0)
    yield cents / highest if highest > 0 else UNKNOWN
    yield float(
        sum(
            2 * total > ELEVATED_TWICE * middle * count
            for total, count in zip(past.cents[: 1 + ELEVATED_DAYS], past.counts[: 1 + ELEVATED_DAYS], strict=True)
            if count and middle > 0
        )
    )


def _risks(past: _Past) -> Iterator[float]:
    """Frauds among the payments that somebody can tell by now, and how long ago the last and the first were."""
    for days in RISK_WINDOWS:
        judged = slice(FIRST_HONEST_LAG + days)
        frauds, honest = sum(past.frauds[judged]), sum(past.honest[judged])
        yield float(frauds)
        yield _ratio(frauds, frauds + honest)
    yield float(_first_lag(past.frauds))
    yield float(_first_lag(past.honest))
    yield float(_last_lag(past.frauds))


def _run(past: _Past) -> Iterator[float]:
    """The frauds since the last honest day, as one run: how many, how many days ago it began, how long before that
    the last honest day was, and how large the payments of its days were; then how often the terminal was honest since
    its first fraud that is seen. A compromised terminal is one run without an end; a stray fraud is not."""
    last_honest = _first_lag(past.honest)
    lags = [lag for lag in range(last_honest) if past.frauds[lag]]
    began = lags[-1] if lags else -1
    yield float(sum(past.frauds[lag] for lag in lags))
    yield float(began)
    yield float(last_honest - began) if lags else UNKNOWN
    yield _ratio(sum(past.cents[lag] for lag in lags), sum(past.counts[lag] for lag in lags))
    first_fraud = _last_lag(past.frauds)
    yield float(sum(past.honest[: first_fraud + 1])) if first_fraud > 0 else UNKNOWN


def _first_lag(figures: Sequence[int]) -> int:
    """The youngest lag that holds any; `HISTORY_DAYS` where none does."""
    return next((lag for lag, figure in enumerate(figures) if figure > 0), HISTORY_DAYS)


def _last_lag(figures: Sequence[int]) -> int:
    """The oldest lag that holds any; -1 where none does."""
    return next((lag for lag in range(HISTORY_DAYS - 1, -1, -1) if figures[lag] > 0), -1)
