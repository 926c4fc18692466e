"""A dispute: the customer's bank takes a charge back, for as long as it is argued or for good."""

from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money


@dataclass(frozen=True, slots=True)
class DisputeState:
    """A dispute as Stripe has it. `status` is Stripe's: `warning_needs_response`, `warning_under_review`,
    `warning_closed`, `needs_response`, `under_review`, `won`, `lost`, `prevented`. `transactions` are what it has done
    to the balance so far: none while it is a mere warning, one withdrawal, then a reinstatement where it was won."""

    id: str
    charge_id: str
    intent_id: str | None
    amount: Money
    status: str
    reason: str
    due_by: datetime | None
    transactions: tuple[BalanceTransaction, ...]
