"""A paid period is earned day by day: never more than was kept of it, and all of it in the end."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.subscriptions.revenue import earned_minor

START = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
LENGTHS = st.integers(1, 400 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))
KEPT = st.integers(0, 10**9)


@given(KEPT, LENGTHS, st.lists(st.integers(-(10**6), 10**8), min_size=1))
def test_what_is_earned_only_grows_and_ends_with_all(kept: int, length: timedelta, instants: list[int]) -> None:
    end = START + length
    earned = [
        earned_minor(kept, START, end, now=START + timedelta(seconds=second)) for second in [0, *sorted(instants)]
    ]
    assert all(0 <= each <= kept for each in earned)
    assert sorted(earned[1:]) == earned[1:]
    assert earned_minor(kept, START, end, now=end) == kept
    assert earned_minor(kept, START, end, now=end - timedelta(seconds=1)) <= kept


def test_a_month_is_earned_by_its_days() -> None:
    end = START + timedelta(days=31)
    assert [earned_minor(3_100, START, end, now=START + timedelta(days=days)) for days in (0, 1, 15, 31, 90)] == [
        0,
        100,
        1_500,
        3_100,
        3_100,
    ]
    assert earned_minor(3_100, START, end, now=START + timedelta(hours=23)) == 0


def test_what_sells_no_period_is_earned_at_once() -> None:
    assert earned_minor(500, START, START, now=START) == 500
