"""What subscriptions bring by the month, and which of them count."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.subscriptions.plan import Interval
from services.billing.domain.subscriptions.recurring import Paying, counts, monthly, monthly_micros, yearly
from services.billing.domain.subscriptions.subscription import Standing, Status
from shared.money import Money

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GRACE = timedelta(days=3)
MONTHLY = Paying(Status.ACTIVE, Standing.GOOD, NOW + timedelta(days=9), Money(2_500, "usd"), "month", 1, True)


def costing(amount_minor: int, interval: Interval, count: int = 1, currency: str = "usd") -> Paying:
    return replace(MONTHLY, paid=Money(amount_minor, currency), interval=interval, interval_count=count)


@pytest.mark.parametrize(
    ("paying", "micros"),
    [
        (costing(2_500, "month"), 25_000_000),
        (costing(2_500, "month", 3), 8_333_333),
        (costing(10_000, "year"), 8_333_333),
        (costing(10_000, "year", 2), 4_166_666),
        (costing(700, "week"), 30_333_333),
        (costing(100, "day"), 30_416_666),
        (costing(1_000, "month", currency="jpy"), 1_000_000_000),
        (costing(1_000, "month", currency="bhd"), 1_000_000),
    ],
)
def test_month_of_an_interval_is_exact_and_rounded_down(paying: Paying, micros: int) -> None:
    assert monthly_micros(paying) == micros


@pytest.mark.parametrize(
    ("status", "standing", "expires_in", "is_counted"),
    [
        (Status.ACTIVE, Standing.GOOD, timedelta(days=9), True),
        (Status.ACTIVE, Standing.GOOD, -timedelta(hours=1), True),
        (Status.PAST_DUE, Standing.GOOD, -GRACE + timedelta(seconds=1), True),
        (Status.PAST_DUE, Standing.GOOD, -GRACE, False),
        (Status.TRIALING, Standing.GOOD, timedelta(days=9), False),
        (Status.PAUSED, Standing.GOOD, timedelta(days=9), False),
        (Status.SUSPENDED, Standing.SUSPENDED, timedelta(days=9), False),
        (Status.ACTIVE, Standing.PENDING, None, False),
        (Status.CANCELED, Standing.REVOKED, timedelta(days=9), False),
    ],
)
def test_who_counts(status: Status, standing: Standing, expires_in: timedelta | None, is_counted: bool) -> None:
    expires_at = None if expires_in is None else NOW + expires_in
    subscription = replace(MONTHLY, status=status, standing=standing, expires_at=expires_at)
    assert counts(subscription, now=NOW, grace=GRACE) is is_counted
    assert not counts(replace(subscription, has_paid=False), now=NOW, grace=GRACE), "a trial that ended, not paid yet"


def test_sum_is_by_currency_and_keeps_what_single_cents_would_lose() -> None:
    thirds = [costing(10_000, "year")] * 3 + [costing(500, "month", currency="eur")]
    by_the_month = monthly(thirds, now=NOW, grace=GRACE)
    assert by_the_month == (Money(500, "eur"), Money(2_499, "usd"))
    assert yearly(by_the_month) == (Money(6_000, "eur"), Money(29_988, "usd"))


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=50))
def test_year_of_monthly_plans_is_twelve_times_what_they_cost(amounts: list[int]) -> None:
    by_the_month = monthly([costing(amount, "month") for amount in amounts], now=NOW, grace=GRACE)
    assert by_the_month == (Money(sum(amounts), "usd"),)
    assert yearly(by_the_month) == (Money(12 * sum(amounts), "usd"),)
