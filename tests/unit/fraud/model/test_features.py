"""What the model sees: no label that is too young, nothing that isn't known taken for honest."""

from services.fraud.domain.model_features import (
    FEATURES,
    HISTORY_DAYS,
    LABEL_DELAY_DAYS,
    SECONDS_PER_DAY,
    Day,
    features_of,
)

DAY = 20_000
NOON = DAY * SECONDS_PER_DAY + 43_200


def seen(customer: dict[int, Day], terminal: dict[int, Day], *, cents: int = 1_000) -> dict[str, float]:
    return dict(zip(FEATURES, features_of(cents, NOON, customer, terminal), strict=True))


def test_there_is_a_figure_for_each_name() -> None:
    assert len(features_of(1, NOON, {}, {})) == len(FEATURES) == len(set(FEATURES))


def test_no_label_of_the_last_six_days_is_seen() -> None:
    for lag in range(LABEL_DELAY_DAYS):
        frauds, none = {DAY - lag: Day(3, 900, 3)}, {DAY - lag: Day(3, 900, 0)}
        assert seen(frauds, frauds) == seen(none, none)


def test_fraud_of_the_seventh_day_is_seen_and_its_honest_payments_are_not() -> None:
    found = seen({}, {DAY - 7: Day(3, 900, 1)})
    assert (found["terminal_frauds_1d"], found["terminal_risk_1d"]) == (1, 1)
    assert found["terminal_last_honest_lag"] == HISTORY_DAYS
    assert seen({}, {DAY - 8: Day(3, 900, 1)})["terminal_last_honest_lag"] == 8


def test_day_that_is_too_long_ago_is_not_seen() -> None:
    assert seen({DAY - HISTORY_DAYS: Day(5, 500, 5)}, {}) == seen({}, {})


def test_unknown_payments_are_not_honest_ones() -> None:
    unsure = seen({}, {DAY - 10: Day(4, 400, 1, 3)})
    assert unsure["terminal_risk_7d"] == 1.0
    assert unsure["terminal_last_honest_lag"] == HISTORY_DAYS
    assert seen({}, {DAY - 10: Day(4, 400, 1)})["terminal_risk_7d"] == 0.25


def test_amount_is_told_against_the_customers_own() -> None:
    found = seen({DAY: Day(2, 4_000), DAY - 1: Day(1, 500), DAY - 3: Day(2, 2_000), DAY - 4: Day(1, 250)}, {})
    assert found["customer_amount_to_today"] == 0.5
    assert found["customer_mean_7d"] == 687.5
    assert found["customer_middle_day"] == 500.0
    assert found["customer_amount_to_highest_day"] == 1.0
    assert found["customer_elevated_days"] == 1.0
    assert found["customer_days_since_last"] == 0.0


def test_run_of_frauds_ends_with_an_honest_day() -> None:
    frauds = {DAY - lag: Day(2, 200, 2) for lag in (9, 12, 15)}
    running = seen({}, {**frauds, DAY - 20: Day(1, 100)})
    assert (running["terminal_run_frauds"], running["terminal_run_age"], running["terminal_run_gap"]) == (6, 15, 5)
    over = seen({}, {**frauds, DAY - 8: Day(1, 100)})
    assert (over["terminal_run_frauds"], over["terminal_run_age"]) == (0, -1)
    assert over["terminal_honest_since_first_fraud"] == 1
