"""Stripe's balance: what one of its transactions did to it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """One movement of our balance at Stripe, in minor units of `currency`, which is the balance's and may differ from
    the payment's. `amount_minor` is negative where money left; `net_minor = amount_minor - fee_minor`. `type` is
    Stripe's (`charge`, `refund`, `adjustment`, `payout`, ...), `source` the id of what caused it."""

    id: str
    type: str
    reporting_category: str
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    source: str | None
    created_at: datetime

    def __post_init__(self) -> None:
        assert self.net_minor == self.amount_minor - self.fee_minor


@dataclass(frozen=True, slots=True)
class NotedTransaction:
    """The same as it was kept: `created_at` is Stripe's time, `noted_at` the business time at which it was first heard
    of here."""

    id: str
    type: str
    source: str | None
    amount_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    created_at: datetime
    noted_at: datetime
