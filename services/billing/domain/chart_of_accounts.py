"""The book's ledger accounts, and which two a transfer of each kind touches.

Two sub-books share this chart. Transfers move a customer's credits between a wallet and one other account, in
millicredits, which are micros of a US dollar; money postings (`books`) are of what no wallet sees, in micros of any
currency. `payments`, `refunds` and `disputes` are where the two meet: credits on one side, money on the other, and
nothing left once both have come. A customer's wallet is what we owe: a credit adds to it, a debit takes from it. The
other accounts are the system's; their balances are summed from entries and never kept.
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
    BREAKAGE = "breakage"
    REFUND = "refund"
    REFUND_UNDONE = "refund_undone"
    """The money of a refund came back: it never reached the payer."""
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
    Kind.PURCHASE: Sides("payments", WALLET),
    Kind.GRANT: Sides("promotions", WALLET),
    Kind.CHARGE: Sides(WALLET, "revenue"),
    Kind.REVERSAL: Sides("revenue", WALLET),
    Kind.DEBIT: Sides(WALLET, "adjustments"),
    Kind.EXPIRY: Sides(WALLET, "promotions"),
    Kind.BREAKAGE: Sides(WALLET, "breakage"),
    Kind.REFUND: Sides(WALLET, "refunds"),
    Kind.REFUND_UNDONE: Sides("refunds", WALLET),
    Kind.DISPUTE: Sides(WALLET, "disputes"),
    Kind.DISPUTE_WON: Sides("disputes", WALLET),
    Kind.VOID: Sides(WALLET, WALLET),
}

MAY_OVERDRAW = frozenset({Kind.REFUND, Kind.DISPUTE})
"""Kinds that take a wallet under zero, or under what is held, on purpose. Nothing that spends is among them (S9)."""


class Nature(StrEnum):
    """What a ledger account is in the trade's terms, and so where a report shows it."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"
    CLEARING = "clearing"
    """Holds what has one side and waits for the other."""


ACCOUNTS = {
    "stripe_balance": Nature.ASSET,
    "bank": Nature.ASSET,
    "receivables": Nature.ASSET,
    "allowance_for_debts": Nature.ASSET,
    WALLET: Nature.LIABILITY,
    "deferred_subscriptions": Nature.LIABILITY,
    "payments": Nature.CLEARING,
    "refunds": Nature.CLEARING,
    "disputes": Nature.CLEARING,
    "suspense": Nature.CLEARING,
    "currency_exchange": Nature.CLEARING,
    "revenue": Nature.INCOME,
    "subscription_revenue": Nature.INCOME,
    "sales_revenue": Nature.INCOME,
    "breakage": Nature.INCOME,
    "adjustments": Nature.INCOME,
    "rounding": Nature.INCOME,
    "promotions": Nature.EXPENSE,
    "stripe_fees": Nature.EXPENSE,
    "dispute_losses": Nature.EXPENSE,
}
"""Every ledger account of both sub-books. `deferred_subscriptions` is what was paid for periods that are still to come;
it becomes `subscription_revenue` day by day. `sales_revenue` is what sales earned, less what of it went back.
`receivables` is what Stripe owes us until its balance shows it; the allowance lessens what customers owe us; the
wallets are credits sold or given and not spent."""


def direction(kind: Kind) -> int:
    """+1 where the kind adds to the wallet, -1 where it takes from it, 0 where it moves nothing."""
    sides = CHART[kind]
    return (sides.credit == WALLET) - (sides.debit == WALLET)
