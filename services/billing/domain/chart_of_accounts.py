"""The book's ledger accounts, and which two a transfer of each kind touches.

A customer's wallet is what we owe: a credit adds to it, a debit takes from it. The other accounts are the system's;
their balances are summed from entries and never kept.
"""

from dataclasses import dataclass
from enum import StrEnum

WALLET = "wallet"


class Kind(StrEnum):
    """What a transfer is for; the public API's `type`."""

    PURCHASE = "purchase"
    GRANT = "grant"
    CHARGE = "charge"
    REVERSAL = "reversal"
    DEBIT = "debit"
    EXPIRY = "expiry"
    REFUND = "refund"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    VOID = "void"
    """Moves nothing: keeps the id of a charge that was reversed before it arrived."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The debited and the credited ledger account."""

    debit: str
    credit: str


CHART = {
    Kind.PURCHASE: Sides("stripe", WALLET),
    Kind.GRANT: Sides("promotions", WALLET),
    Kind.CHARGE: Sides(WALLET, "revenue"),
    Kind.REVERSAL: Sides("revenue", WALLET),
    Kind.DEBIT: Sides(WALLET, "adjustments"),
    Kind.EXPIRY: Sides(WALLET, "promotions"),
    Kind.REFUND: Sides(WALLET, "stripe"),
    Kind.DISPUTE: Sides(WALLET, "disputes"),
    Kind.DISPUTE_WON: Sides("disputes", WALLET),
    Kind.VOID: Sides(WALLET, WALLET),
}

MAY_OVERDRAW = frozenset({Kind.REFUND, Kind.DISPUTE})
"""Kinds that take a wallet under zero, or under what is held, on purpose. Nothing that spends is among them (S9)."""


def direction(kind: Kind) -> int:
    """+1 where the kind adds to the wallet, -1 where it takes from it, 0 where it moves nothing."""
    sides = CHART[kind]
    return (sides.credit == WALLET) - (sides.debit == WALLET)
