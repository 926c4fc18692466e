"""Periods: the anchor's day is kept, short months end early, and boundaries follow each other without a gap."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stripe_sandbox.domain.billing_periods import boundary, end_after

MONTHLY = {"interval": "month", "interval_count": 1}
INTERVALS = st.fixed_dictionaries(
    {"interval": st.sampled_from(["day", "week", "month", "year"]), "interval_count": st.integers(1, 4)}
)
INSTANTS = st.integers(1_500_000_000, 2_500_000_000)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "recurring", "steps", "expected"),
    [
        ("2027-01-31T10:00:00", MONTHLY, 1, "2027-02-28T10:00:00"),
        ("2027-01-31T10:00:00", MONTHLY, 2, "2027-03-31T10:00:00"),
        ("2027-01-31T10:00:00", MONTHLY, 3, "2027-04-30T10:00:00"),
        ("2028-01-30T00:00:00", MONTHLY, 1, "2028-02-29T00:00:00"),
        ("2028-02-29T23:59:59", {"interval": "year", "interval_count": 1}, 1, "2029-02-28T23:59:59"),
        ("2028-02-29T23:59:59", {"interval": "year", "interval_count": 1}, 4, "2032-02-29T23:59:59"),
        ("2026-11-30T12:00:00", {"interval": "month", "interval_count": 3}, 1, "2027-02-28T12:00:00"),
        ("2026-12-28T12:00:00", {"interval": "week", "interval_count": 2}, 1, "2027-01-11T12:00:00"),
    ],
)
def test_boundary_keeps_the_anchors_day(anchor: str, recurring: dict[str, object], steps: int, expected: str) -> None:
    assert boundary(at(anchor), recurring, steps) == at(expected)


@given(anchor=INSTANTS, recurring=INTERVALS, steps=st.integers(-50, 50), offset=st.integers(0, 10**9))
def test_end_is_the_first_boundary_after(anchor: int, recurring: dict[str, object], steps: int, offset: int) -> None:
    start, end = boundary(anchor, recurring, steps), boundary(anchor, recurring, steps + 1)
    assert end_after(anchor, recurring, start + offset % (end - start)) == end


@given(anchor=INSTANTS, recurring=INTERVALS, periods=st.integers(1, 40))
def test_periods_followed_one_by_one_never_drift(anchor: int, recurring: dict[str, object], periods: int) -> None:
    end = anchor
    for _ in range(periods):
        end = end_after(anchor, recurring, end)
    assert end == boundary(anchor, recurring, periods)
