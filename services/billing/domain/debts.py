"""What an account owes since money that went back had been spent, and how much of it is written off.

A lost dispute writes off what the wallet did not have. Whatever brings the wallet up again pays that debt, and its loss
is none any more: the books follow. Pure; millicredits.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Debt:
    """`written_off` is what the account's lost disputes were not covered by, `recovered` how much of that is booked as
    paid since, `balance` its wallet's."""

    account_id: str
    written_off: int
    recovered: int
    balance: int


def recovery_due(debt: Debt) -> int:
    """What is still to be booked as paid, under zero where more is booked than was written off: an appeal has won the
    dispute. What was paid once stays so, whatever the wallet owes later."""
    left = debt.written_off - debt.recovered
    owed = max(0, -debt.balance)
    return left - min(left, owed) if left > 0 else left
