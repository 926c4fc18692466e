"""A charge: one attempt to take money."""

from dataclasses import dataclass

from services.billing.domain.stripe_balance import BalanceTransaction


@dataclass(frozen=True, slots=True)
class ChargeState:
    """A charge as Stripe has it. `status` is Stripe's: `pending`, `succeeded`, `failed`. `transactions` are what it has
    done to the balance: none while it is pending, one, and another that undoes it where a bank debit failed late. Those
    of its refunds and disputes are theirs."""

    id: str
    intent_id: str | None
    status: str
    has_refunds: bool
    transactions: tuple[BalanceTransaction, ...]
