"""What the gateway asks of the ledger, and what it is answered. One item is one movement of one wallet."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.billing.domain.ledger.wallet import FrozenReason

Outcome = Literal["delivered", "upstream_failed", "disconnected", "unknown"]


class Verdict(StrEnum):
    """`shared.contracts.ledger` tells each one's meaning."""

    POSTED = "posted"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    ACCOUNT_FROZEN = "account_frozen"
    ID_REFUSED = "id_refused"
    ID_CONFLICT = "id_conflict"
    REVERSED = "reversed"
    HOLD_LAPSED = "hold_lapsed"
    NOT_FOUND = "not_found"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Call:
    """The call that an item pays for, with what was metered so far."""

    request_id: UUID
    route: str
    key_id: str
    price_version: int
    calls: int = 1
    tokens: int = 0
    units: int = 0
    outcome: Outcome = "unknown"
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """Takes `amount` before the call is forwarded, where it is available."""

    id: UUID
    account_id: str
    amount: int
    call: Call


@dataclass(frozen=True, slots=True)
class Reverse:
    """Gives a charge back in full, once."""

    id: UUID
    charge_id: UUID
    account_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Hold:
    """Keeps `min(amount, available)` for the call where `at_least` is available."""

    id: UUID
    account_id: str
    amount: int
    at_least: int
    expires_in_ms: int
    call: Call


@dataclass(frozen=True, slots=True)
class Capture:
    """Charges `min(amount, held)` as transfer `id` and frees the rest. Amount 0 only closes the hold."""

    id: UUID
    hold_id: UUID
    account_id: str
    amount: int
    call: Call


@dataclass(frozen=True, slots=True)
class Release:
    """Closes a hold and charges nothing."""

    hold_id: UUID
    account_id: str
    outcome: Outcome


Item = Charge | Reverse | Hold | Capture | Release


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item. `balance` and `available` are the wallet's after it, at its place in the batch;
    `charged` and `held` are the item's own."""

    verdict: Verdict
    charged: int
    held: int
    available: int
    balance: int
    reason: FrozenReason | None = None
