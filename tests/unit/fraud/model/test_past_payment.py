"""What a payment teaches in hindsight."""

from datetime import UTC, datetime, timedelta

import pytest

from services.fraud.commands.train_from_history import columns_of
from services.fraud.domain.past_payment import FRAUD, HONEST, NOT_KNOWN, PastPayment
from services.fraud.training.history import History

NOW = datetime(2027, 3, 1, tzinfo=UTC)
QUIET = timedelta(days=45)


def paid(days_ago: float, status: str | None, *, is_fraud: bool | None = None, known: float = 0) -> PastPayment:
    known_at = NOW - timedelta(days=known) if is_fraud else None
    return PastPayment(NOW - timedelta(days=days_ago), "acct_1", "device:a", 500, status, is_fraud, known_at)


@pytest.mark.parametrize(
    ("payment", "scenario"),
    [
        (paid(50, "succeeded"), HONEST),
        (paid(45, "refunded"), HONEST),
        (paid(44.9, "succeeded"), NOT_KNOWN),
        (paid(50, "blocked"), NOT_KNOWN),
        (paid(50, None), NOT_KNOWN),
        (paid(1, "succeeded", is_fraud=True), FRAUD),
        (paid(50, "blocked", is_fraud=True), FRAUD),
        (paid(1, "succeeded", is_fraud=False), HONEST),
    ],
)
def test_only_what_went_through_undisputed_was_honest_without_a_word(payment: PastPayment, scenario: int) -> None:
    assert payment.scenario(now=NOW, quiet=QUIET) == scenario


def test_fraud_serves_from_when_it_was_known() -> None:
    columns = columns_of([paid(60, "succeeded", is_fraud=True, known=20), paid(0, "succeeded")], quiet=QUIET)
    history = History.of(
        *(columns[name] for name in ("sec", "customer", "terminal", "cents", "scenario")),
        known_second=columns["known_sec"],
    )
    assert history.serves_from[0] == int((NOW - timedelta(days=20)).timestamp())
    assert history.serves_from[1] == int((NOW + timedelta(days=7)).timestamp())
