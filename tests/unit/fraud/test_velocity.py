"""What the counters mean: windows, who is counted, where a payment was paid (U9)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.fraud.domain.model_features import HISTORY_DAYS, Day
from services.fraud.domain.signals import SIGNALS
from services.fraud.domain.velocity import (
    DAY,
    HOUR,
    MINUTE,
    NOTHING_READ,
    Counted,
    Entity,
    Labeled,
    VelocityEvent,
    Window,
    history_of,
    reading_of,
)

NOW = datetime(2027, 1, 15, 12, 30, 2, tzinfo=UTC)
TODAY = NOW.timestamp() // 86_400


def paid(name: str, *, ago: timedelta = timedelta(), amount: int = 100, **who: str) -> VelocityEvent:
    return VelocityEvent(name, NOW - ago, amount, **{"account": "a", **who})


def test_every_figure_is_a_signal() -> None:
    assert all(SIGNALS[name].type is int and SIGNALS[name].unknown == 0 for name in NOTHING_READ)


@pytest.mark.parametrize("window", [MINUTE, HOUR, DAY], ids=lambda window: window.name)
def test_window_ends_with_the_bucket_of_now(window: Window) -> None:
    bucket = 1_000 * window.bucket_seconds
    now = 1_000 * bucket + 1
    assert window.covers(now, now) and window.covers(1_001 * bucket - 1, now)
    assert not window.covers(1_001 * bucket, now)
    first = (1_000 - window.buckets + 1) * bucket
    assert window.covers(first, now) and not window.covers(first - 1, now)


def test_window_is_at_most_a_bucket_shorter_than_its_name() -> None:
    assert [window.bucket_seconds * window.buckets for window in (MINUTE, HOUR, DAY)] == [60, 3_600, 86_400]


def test_reading_tells_windows_failures_and_entities_apart() -> None:
    first = paid("1", ago=timedelta(minutes=30), card="c")
    other = paid("2", ago=timedelta(seconds=20), card="c", amount=30)
    now = paid("3", card="d", account="b", amount=7)
    counted = [Counted(first, NOW), Counted(first, NOW, "failure"), Counted(other, NOW), Counted(now, NOW)]
    said = reading_of(counted, paid("4", card="c"), now=NOW)
    assert {name: figure for name, figure in said.items() if figure} == {
        "account_payments_minute": 1,
        "account_payments_hour": 2,
        "account_payments_day": 2,
        "account_failed_hour": 1,
        "account_failed_day": 1,
        "account_amount_day": 130,
        "account_cards_day": 1,
        "card_payments_minute": 1,
        "card_payments_hour": 2,
        "card_payments_day": 2,
        "card_failed_hour": 1,
        "card_failed_day": 1,
        "card_amount_day": 130,
        "card_accounts_day": 1,
    }


def test_one_that_claims_to_come_from_later_counts_now() -> None:
    early = paid("1", ago=-timedelta(days=3))
    assert reading_of([Counted(early, NOW)], early, now=NOW)["account_payments_minute"] == 1


@pytest.mark.parametrize(
    ("who", "terminal"),
    [
        ({"device": "d", "ip": "i"}, Entity("device", "d")),
        ({"ip": "i"}, Entity("ip", "i")),
        ({"card": "c"}, None),
    ],
)
def test_terminal_is_the_device_or_else_the_address(who: dict[str, str], terminal: Entity | None) -> None:
    assert paid("1", **who).terminal() == terminal


def test_history_holds_38_days_without_the_payment_itself() -> None:
    event = paid("now", ip="i")
    first = paid("first", ago=timedelta(days=HISTORY_DAYS - 1), amount=5, ip="i")
    too_old = paid("old", ago=timedelta(days=HISTORY_DAYS), ip="i")
    elsewhere = paid("elsewhere", device="d", ip="i")
    counted = [Counted(each, NOW) for each in (first, too_old, event, elsewhere)]
    labels = [Labeled(first, True), Labeled(elsewhere, True), Labeled(elsewhere, False)]
    account, terminal = history_of(counted, labels, event, now=NOW)
    assert terminal == {TODAY - 37: Day(1, 5, 1)}
    assert account == {TODAY - 37: Day(1, 5, 1), TODAY: Day(1, 100, 0)}
