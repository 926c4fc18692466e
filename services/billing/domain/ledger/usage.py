"""What an account's calls were and cost."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from services.billing.domain.ledger.book import HoldState
from services.billing.domain.ledger.items import Outcome


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """A call as billing remembers it; amounts are millicredits."""

    request_id: UUID
    route: str
    key_id: str
    price_version: int
    calls: int
    tokens: int
    units: int
    held: int
    credits: int
    outcome: Outcome
    flagged: bool
    latency_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CallHold:
    """What a call kept back while it ran, and how that ended."""

    held: int
    captured: int
    state: HoldState
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """A call, and what it left in the ledger under its own id: its hold, its charge or capture, the reversal of that,
    and when the charge was sealed. None: there is none, or not yet."""

    call: UsageRecord
    hold: CallHold | None
    transfer_id: UUID | None
    reversal_id: UUID | None
    sealed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answered call ended."""

    account_id: str
    request_id: UUID
    outcome: Outcome
    latency_ms: int


class Bucket(Enum):
    """What usage is summed by; times are UTC."""

    DAY = "day"
    HOUR = "hour"
    ROUTE = "route"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class UsageSum:
    """The calls of one bucket; `credits` in millicredits."""

    bucket: str
    calls: int
    tokens: int
    credits: int
