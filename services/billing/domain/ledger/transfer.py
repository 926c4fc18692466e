"""A transfer: one append-only row that names both sides of a movement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.billing.domain.chart_of_accounts import CHART, Kind, Sides, direction
from shared.ids import instant_of

OLDEST_ID = timedelta(days=35)
NEWEST_ID = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount` is never negative; `signed` is what it does to the wallet. `refers_to` is a reversal's charge, a
    capture's hold or a refund's purchase; `request_id` a paid call's, `reference` a payment's."""

    account_id: str
    id: UUID
    kind: Kind
    amount: int
    balance_after: int
    position: int
    description: str
    refers_to: UUID | None = None
    request_id: UUID | None = None
    reference: str | None = None

    @property
    def sides(self) -> Sides:
        return CHART[self.kind]

    @property
    def signed(self) -> int:
        return direction(self.kind) * self.amount


@dataclass(frozen=True, slots=True)
class Posted:
    """A transfer as it lies in the book."""

    transfer: Transfer
    created_at: datetime


def id_is_refused(value: UUID, now: datetime) -> bool:
    """Whether the id's own time is too old or too far ahead: uniqueness lives in the month that it names, and that
    month must be there. `now` is real time."""
    at = instant_of(value)
    return at < now - OLDEST_ID or at > now + NEWEST_ID
