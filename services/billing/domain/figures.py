"""What the business asks of its payments (C9): how many checkouts are paid, what a customer brings, and what waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.billing.domain.payment import PAID, Status


@dataclass(frozen=True, slots=True)
class PaymentFigures:
    """Purchases of credits that were begun in a period, by their status now. Money is in US cents, at the rates that
    the payments were priced at; `refunded` counts what went back, `disputed` what banks took and kept."""

    by_status: Mapping[Status, int]
    gross_usd_minor: int
    refunded_usd_minor: int
    disputed_usd_minor: int
    paying_accounts: int

    @property
    def begun(self) -> int:
        return sum(self.by_status.values())

    @property
    def paid(self) -> int:
        """Those whose money came, whatever became of it afterwards."""
        return sum(count for status, count in self.by_status.items() if status in PAID)

    @property
    def net_usd_minor(self) -> int:
        return self.gross_usd_minor - self.refunded_usd_minor - self.disputed_usd_minor


@dataclass(frozen=True, slots=True)
class DisputesDue:
    """Disputes that the bank still takes evidence for, and when the soonest of them is due (Stripe's time)."""

    count: int
    soonest_at: datetime | None

    def time_left(self, now: datetime) -> timedelta | None:
        """Until the soonest, below zero where it is past; None where none waits."""
        return None if self.soonest_at is None else self.soonest_at - now
