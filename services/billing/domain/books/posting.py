"""A posting of the money book: lines that sum to zero in each currency.

Amounts are micros, millionths of a currency's major unit: a US cent is 10,000 of them, a yen 1,000,000, and a
millicredit, which is worth a millionth of a dollar, is one. A debit is positive, a credit negative.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.billing.domain.chart_of_accounts import ACCOUNTS, WALLET
from shared.money import Money, minor_unit_digits

MICROS = 1_000_000


class MoneyKind(StrEnum):
    """What a money posting is for; with its reference, what it is known by."""

    PAYMENT_RECEIVED = "payment_received"
    REFUND_MADE = "refund_made"
    REFUND_UNDONE = "refund_undone"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_RESIZED = "dispute_resized"
    """A refund came, or failed, while the dispute had its share. The reference is the transfer's id."""
    DISPUTE_REINSTATED = "dispute_reinstated"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_RECOVERED = "dispute_recovered"
    """A lost dispute was won by an appeal."""
    DEBT_RECOVERED = "debt_recovered"
    """What a lost dispute had written off was paid after all. The reference is the recovery's id."""
    SUBSCRIPTION_EARNED = "subscription_earned"
    """A part of a paid period has gone by. The reference is the payment's id and a number."""
    STRIPE = "stripe"
    """One transaction of Stripe's balance."""
    SUSPENSE_CLEARED = "suspense_cleared"
    """A transaction of Stripe's balance that was in suspense turned out to be ours."""


@dataclass(frozen=True, slots=True)
class Line:
    """One side of a posting: a debit where `micros` is over zero, else a credit."""

    ledger_account: str
    currency: str
    micros: int

    def __post_init__(self) -> None:
        assert self.micros != 0 and self.ledger_account in ACCOUNTS and self.ledger_account != WALLET


@dataclass(frozen=True, slots=True)
class MoneyPosting:
    """(kind, reference) is what it is known by: it is booked once. One without lines has nothing to book."""

    kind: MoneyKind
    reference: str
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        assert self.reference and not any(balances(self.lines).values()), "a posting sums to zero in each currency"


def posting_of(kind: MoneyKind, reference: str, sides: Iterable[tuple[str, str, int]]) -> MoneyPosting:
    """From (ledger account, currency, micros); sides of one account are one line, and a side of nothing is none."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for account, currency, micros in sides:
        sums[account, currency] += micros
    lines = tuple(Line(account, currency, micros) for (account, currency), micros in sums.items() if micros)
    return MoneyPosting(kind, reference, lines)


def reversed_as(kind: MoneyKind, posting: MoneyPosting) -> MoneyPosting:
    """The same with its sides changed."""
    return posting_of(
        kind, posting.reference, ((each.ledger_account, each.currency, -each.micros) for each in posting.lines)
    )


def balances(lines: Iterable[Line]) -> dict[str, int]:
    """The sum of lines in each currency."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.currency] += line.micros
    return sums


def micros_of(money: Money) -> int:
    """Money in micros of its currency's major unit."""
    return micros_of_minor(money.amount_minor, money.currency)


def micros_of_minor(amount_minor: int, currency: str) -> int:
    """The same of a number of minor units."""
    return amount_minor * _micros_of_a_minor_unit(currency)


def money_of(micros: int, currency: str) -> Money:
    """The other way; `micros` must be whole minor units."""
    amount_minor, rest = divmod(micros, _micros_of_a_minor_unit(currency))
    assert rest == 0
    return Money(amount_minor, currency)


def _micros_of_a_minor_unit(currency: str) -> int:
    micros: int = MICROS // 10 ** minor_unit_digits(currency)
    return micros
