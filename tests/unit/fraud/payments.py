"""Payments to judge, and what came before them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.fraud.domain.blacklist import Traits
from services.fraud.domain.facts import PastPayment, Payment, Place

NOW = datetime(2027, 1, 4, 12, tzinfo=UTC)
"""A Monday."""

PAYMENT = Payment(
    payment_id="pay_1",
    account_id="acct_1",
    kind="credits",
    amount_usd_minor=500,
    currency="usd",
    traits=Traits(account_id="acct_1"),
    occurred_at=NOW,
)
_PAST = PastPayment(
    amount_usd_minor=500,
    decision="allow",
    origin="checkout",
    device_id=None,
    session_hash=None,
    country=None,
    place=None,
    occurred_at=NOW,
    seen_at=NOW,
)


def past(*, ago: timedelta = timedelta(days=1), **fields: Any) -> PastPayment:
    """An earlier payment, the same in business time and in real time."""
    return replace(_PAST, occurred_at=NOW - ago, seen_at=NOW - ago, **fields)


def paying(**traits: Any) -> Payment:
    """The payment with traits."""
    return replace(PAYMENT, traits=Traits(account_id="acct_1", **traits))


BERLIN = Place(52.52, 13.405, 20)
POTSDAM = Place(52.39, 13.06, 20)
MUNICH = Place(48.137, 11.575, 20)
NEW_YORK = Place(40.713, -74.006, 50)
