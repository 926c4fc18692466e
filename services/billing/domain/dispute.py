"""A dispute: the customer's bank takes a charge back, for as long as it is argued or for good.

`DisputeState` is a dispute as Stripe has it, `Dispute` as this book has it: what was taken for it and which steps were
booked. `disputing` has the rules. Source: docs.stripe.com/api/disputes/object.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from services.billing.domain.payment import PaymentId
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

DisputeId = NewType("DisputeId", str)
PREFIX = "dsp"


@dataclass(frozen=True, slots=True)
class DisputeState:
    """A dispute as Stripe has it. `status` is Stripe's: `warning_needs_response`, `warning_under_review`,
    `warning_closed`, `needs_response`, `under_review`, `appeal_needs_response`, `appeal_under_review`, `won`, `lost`,
    `prevented`. `transactions` are what it has done to the balance so far: none while it is a mere warning, one
    withdrawal, then a reinstatement where it was won. `payment_id` is what our own label on the charge says, and
    `card_fingerprint` Stripe's name of the card, where it tells one."""

    id: str
    charge_id: str
    intent_id: str | None
    amount: Money
    status: str
    reason: str
    due_by: datetime | None
    transactions: tuple[BalanceTransaction, ...]
    payment_id: str | None = None
    card_fingerprint: str | None = None

    @property
    def withdrawn_at(self) -> datetime | None:
        """When the money left our balance at Stripe, if it has."""
        return _first(tx.created_at for tx in self.transactions if tx.amount_minor < 0)

    @property
    def reinstated_at(self) -> datetime | None:
        """When the money came back, if it has."""
        return _first(tx.created_at for tx in self.transactions if tx.amount_minor > 0)


@dataclass(frozen=True, slots=True)
class Dispute:
    """One dispute of one payment. `millicredits` is what was taken when it opened, `uncovered_millicredits` the part
    of that which the wallet did not have; `taken_by` and `restored_by` are the transfers. `opened_at`, `lost_at` and
    `won_at` (business time) are the steps that were booked, each once; `withdrawn_at` and `reinstated_at` are Stripe's.
    `usd_minor` is the disputed amount in US cents, at the payment's rate."""

    id: DisputeId
    stripe_dispute_id: str
    payment_id: PaymentId
    account_id: str
    charge_id: str
    amount: Money
    usd_minor: int
    status: str
    reason: str
    due_by: datetime | None
    created_at: datetime
    millicredits: int = 0
    uncovered_millicredits: int = 0
    taken_by: UUID | None = None
    restored_by: UUID | None = None
    opened_at: datetime | None = None
    lost_at: datetime | None = None
    won_at: datetime | None = None
    withdrawn_at: datetime | None = None
    reinstated_at: datetime | None = None

    @property
    def freezes(self) -> bool:
        """Whether it is being argued about: its account may spend nothing."""
        return self.opened_at is not None and self.won_at is None and self.lost_at is None

    @property
    def keeps(self) -> bool:
        """Whether it is open or lost: what it took is gone, and its account is marked."""
        return self.opened_at is not None and self.won_at is None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the bank is told, in plain text: why the charge was right, and what the account did with it."""

    text: str
    access_log: str | None = None


def _first(instants: Iterable[datetime]) -> datetime | None:
    return min(instants, default=None)
