"""A transfer: one append-only row that names both sides of a movement."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.billing.domain.chart_of_accounts import CHART, Kind, Sides, direction
from shared.ids import encode, milliseconds

PREFIX = "txn"
"""Of an entry's public id, as customers see it."""
OLDEST_ID = timedelta(days=35)
NEWEST_ID = timedelta(hours=2)


def entry_id(transfer_id: UUID) -> str:
    """The transfer's public id, as customers see it (`txn_...`)."""
    return encode(PREFIX, transfer_id)


@dataclass(slots=True)
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


class IdSpan:
    """The ids that are taken at an instant of real time: uniqueness lives in the month that an id names, and that
    month must be there."""

    __slots__ = ("_newest", "_oldest")

    def __init__(self, now: datetime) -> None:
        self._oldest = milliseconds(now - OLDEST_ID)
        self._newest = milliseconds(now + NEWEST_ID)

    def takes(self, value: UUID) -> bool:
        return self._oldest <= value.int >> 80 <= self._newest


def id_is_refused(value: UUID, now: datetime) -> bool:
    """Whether one id's own time is too old or too far ahead. `now` is real time."""
    return not IdSpan(now).takes(value)
