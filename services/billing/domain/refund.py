"""A refund: money that goes back to whoever paid, and the credits that it takes back."""

from dataclasses import dataclass

from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money


@dataclass(frozen=True, slots=True)
class RefundState:
    """A refund as Stripe has it. `status` is Stripe's: `pending`, `requires_action`, `succeeded`, `failed`, `canceled`.
    `refund_id` is ours, where we asked for it."""

    id: str
    refund_id: str | None
    charge_id: str | None
    intent_id: str | None
    amount: Money
    status: str
    reason: str | None
    failure_reason: str | None
    transaction: BalanceTransaction | None
    failure_transaction: BalanceTransaction | None
