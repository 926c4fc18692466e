"""What the gateway asks of the ledger, and what it is answered. One item is one movement of one wallet.

Nobody changes one of these once it is made; they are not frozen because that triples what making one costs, and each
paid call makes several.
"""

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


@dataclass(slots=True)
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


@dataclass(slots=True)
class Charge:
    """Takes `amount` before the call is forwarded, where it is available."""

    id: UUID
    account_id: str
    amount: int
    call: Call


@dataclass(slots=True)
class Reverse:
    """Gives a charge back in full, once."""

    id: UUID
    charge_id: UUID
    account_id: str
    outcome: Outcome


@dataclass(slots=True)
class Hold:
    """Keeps `min(amount, available)` for the call where `at_least` is available."""

    id: UUID
    account_id: str
    amount: int
    at_least: int
    expires_in_ms: int
    call: Call


@dataclass(slots=True)
class Capture:
    """Charges `min(amount, held)` as transfer `id` and frees the rest. Amount 0 only closes the hold."""

    id: UUID
    hold_id: UUID
    account_id: str
    amount: int
    call: Call


@dataclass(slots=True)
class Release:
    """Closes a hold and charges nothing."""

    hold_id: UUID
    account_id: str
    outcome: Outcome


@dataclass(slots=True)
class Progress:
    """What an open hold's call has cost so far, with what was metered: charged when the hold expires uncaptured."""

    hold_id: UUID
    account_id: str
    amount: int
    call: Call


Item = Charge | Reverse | Hold | Capture | Release | Progress


def ids_of(item: Item) -> tuple[UUID, ...]:
    """Every id whose month must be there for the item to be judged and written."""
    if isinstance(item, Charge | Hold):
        return (item.id, item.call.request_id)
    if isinstance(item, Capture):
        return (item.id, item.hold_id, item.call.request_id)
    if isinstance(item, Reverse):
        return (item.id, item.charge_id)
    return (item.hold_id,)


def call_text(call: Call) -> str:
    """How a call's charge is described to its account."""
    return f"Call of {call.route}"


@dataclass(slots=True)
class Result:
    """What became of one item. `balance` and `available` are the wallet's after it, at its place in the batch;
    `charged` and `held` are the item's own."""

    verdict: Verdict
    charged: int
    held: int
    available: int
    balance: int
    reason: FrozenReason | None = None
