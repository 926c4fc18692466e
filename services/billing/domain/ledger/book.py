"""What the decider knows of the book, and what it decides to write.

A `Book` may be partial: the fast path knows no transfer and no hold that the items did not name as already there, and
relies on the unique keys to undo a batch that meets one. A full book knows every id that the items name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from services.billing.domain.ledger.items import Call, Outcome, Result
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import Wallet

Key = tuple[str, UUID]
"""(account, id): the key of every table here."""

HoldState = Literal["open", "captured", "released", "expired"]


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold as the book has it. `lapsed` is said by the database's clock; `spent` is what the open hold's call has
    cost so far, and `call` has what was metered with it. Without a call it is only the mark of a release that came
    before its hold."""

    account_id: str
    id: UUID
    amount: int
    asked: int
    state: HoldState
    expires_in_ms: int = 0
    lapsed: bool = False
    call: Call | None = None
    capture_id: UUID | None = None
    capture_asked: int | None = None
    captured: int = 0
    spent: int = 0


@dataclass(frozen=True, slots=True)
class Reversal:
    """That a charge was given back; `amount` 0 where it had not arrived."""

    account_id: str
    charge_id: UUID
    reversal_id: UUID
    amount: int


@dataclass(slots=True)
class UsageChange:
    """What a batch does to one call's usage record. With `call` the row is written, added to if it is there; without,
    an existing row is changed."""

    account_id: str
    request_id: UUID
    call: Call | None
    credits: int
    held: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Book:
    """Wallets are locked, and holds of named ids known, by whoever made this."""

    wallets: Mapping[str, Wallet] = field(default_factory=dict)
    transfers: Mapping[Key, Transfer] = field(default_factory=dict)
    reversals: Mapping[Key, Reversal] = field(default_factory=dict)
    holds: Mapping[Key, HoldRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that one transaction writes, and the answer to each item in order."""

    results: Sequence[Result]
    wallets: Sequence[Wallet]
    transfers: Sequence[Transfer]
    reversals: Sequence[Reversal]
    opened_holds: Sequence[HoldRow]
    closed_holds: Sequence[HoldRow]
    progressed_holds: Sequence[HoldRow]
    usage: Sequence[UsageChange]
