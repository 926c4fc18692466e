"""An id is taken as long as the month that it names is there."""

from datetime import UTC, datetime, timedelta

import pytest

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.posting import Order, TransferIdRefused, post
from services.billing.domain.ledger.transfer import id_is_refused
from services.billing.domain.ledger.wallet import Wallet
from shared.ids import new_uuid

NOW = datetime(2027, 3, 14, 15, 9, tzinfo=UTC)
INSTANT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("age", "refused"),
    [
        (timedelta(days=-35), False),
        (timedelta(days=-35) - INSTANT, True),
        (timedelta(hours=2), False),
        (timedelta(hours=2) + INSTANT, True),
        (timedelta(), False),
    ],
)
def test_ids_of_35_days_back_and_two_hours_ahead_are_taken(age: timedelta, refused: bool) -> None:
    assert id_is_refused(new_uuid(at=NOW + age), NOW) is refused


def test_a_single_posting_with_an_old_id_is_refused() -> None:
    old = new_uuid(at=NOW - timedelta(days=36))
    with pytest.raises(TransferIdRefused):
        post(Order("acct_a", old, Kind.PURCHASE, 1, ""), Wallet("acct_a"), now=NOW)
