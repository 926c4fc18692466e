"""What the two sub-books say together: a trial balance, and a period's sales and profit (ADR 0019).

All amounts are micros of a currency's major unit; a credit is worth a thousandth of a dollar, so a millicredit is one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.chart_of_accounts import ACCOUNTS, CHART, WALLET, Kind, Nature, direction

USD = "usd"
Amounts = Mapping[str, int]
"""Micros by currency."""


@dataclass(frozen=True, slots=True)
class MoneySum:
    """What the money book's lines of a kind sum to in an account; both are at or over zero."""

    kind: MoneyKind
    ledger_account: str
    currency: str
    debit: int
    credit: int


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """A ledger account in one currency. `balance` is over zero where debits are more."""

    ledger_account: str
    currency: str
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit

    @property
    def nature(self) -> Nature:
        return ACCOUNTS[self.ledger_account]


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every ledger account that something was booked to, in the chart's order."""

    accounts: tuple[AccountBalance, ...]

    @property
    def totals(self) -> Mapping[str, AccountBalance]:
        """The sum over all accounts, by currency."""
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for each in self.accounts:
            sums[each.currency][0] += each.debit
            sums[each.currency][1] += each.credit
        return {currency: AccountBalance(WALLET, currency, *both) for currency, both in sorted(sums.items())}

    @property
    def balanced(self) -> bool:
        return not any(total.balance for total in self.totals.values())


def trial_balance(transfers: Mapping[Kind, int], money: Iterable[MoneySum]) -> TrialBalance:
    """From the sum of all transfers of each kind, in millicredits, and the money book's sums."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for kind, amount in transfers.items():
        sums[CHART[kind].debit, USD][0] += amount
        sums[CHART[kind].credit, USD][1] += amount
    for each in money:
        sums[each.ledger_account, each.currency][0] += each.debit
        sums[each.ledger_account, each.currency][1] += each.credit
    order = list(ACCOUNTS)
    found = sorted((order.index(account), currency) for account, currency in sums)
    return TrialBalance(
        tuple(AccountBalance(order[place], currency, *sums[order[place], currency]) for place, currency in found)
    )


@dataclass(frozen=True, slots=True)
class ProfitAndLoss:
    """What a period's entries come to. What lessens a group is under zero; the group's sum is its total.

    `sales` is money that customers paid, got back or disputed; it becomes profit only as credits are spent. `exchange`
    is what was taken in less what was given in each currency where one was booked as another; at the rates of the day
    its worth is the gain or loss of exchange."""

    sales: Mapping[str, Amounts]
    profit: Mapping[str, Amounts]
    exchange: Amounts


def profit_and_loss(transfers: Mapping[Kind, int], money: Iterable[MoneySum]) -> ProfitAndLoss:
    """From the period's sums, as `trial_balance` takes them."""
    sums = list(money)

    def of_kinds(*kinds: MoneyKind) -> Amounts:
        return _net(each for each in sums if each.ledger_account == "receivables" and each.kind in kinds)

    def income(account: str) -> Amounts:
        return _negative(_net(each for each in sums if each.ledger_account == account))

    def credits(kind: Kind, less: Kind | None = None) -> Amounts:
        return {USD: transfers.get(kind, 0) - (transfers.get(less, 0) if less else 0)}

    return ProfitAndLoss(
        sales={
            "gross": of_kinds(MoneyKind.PAYMENT_RECEIVED),
            "refunds": of_kinds(MoneyKind.REFUND_MADE, MoneyKind.REFUND_UNDONE),
            "disputes": of_kinds(MoneyKind.DISPUTE_OPENED, MoneyKind.DISPUTE_REINSTATED),
        },
        profit={
            "earned_revenue": credits(Kind.CHARGE, less=Kind.REVERSAL),
            "subscription_revenue": income("subscription_revenue"),
            "sales_revenue": income("sales_revenue"),
            "breakage": credits(Kind.BREAKAGE),
            "adjustments": credits(Kind.DEBIT),
            "promotions_given": _negative(credits(Kind.GRANT)),
            "promotions_expired": credits(Kind.EXPIRY),
            "stripe_fees": income("stripe_fees"),
            "dispute_losses": income("dispute_losses"),
            "rounding": income("rounding"),
        },
        exchange=income("currency_exchange"),
    )


def total_of(group: Mapping[str, Amounts]) -> Amounts:
    """The sum of a group's lines, by currency."""
    sums: dict[str, int] = defaultdict(int)
    for amounts in group.values():
        for currency, micros in amounts.items():
            sums[currency] += micros
    return sums


@dataclass(frozen=True, slots=True)
class Owed:
    """What the wallets are at an instant, in millicredits: credits sold and not spent, credits given and not spent, and
    (at or over zero) what customers owe us."""

    deferred_revenue: int
    promotional_credits: int
    customers_debts: int


def wallets_total(transfers: Mapping[Kind, int]) -> int:
    """What transfers of these sums leave in all wallets together."""
    return sum(direction(kind) * amount for kind, amount in transfers.items())


def owed(*, wallets: int, promotional: int, debts: int) -> Owed:
    """What is neither promotional nor debt was sold."""
    return Owed(wallets - promotional + debts, promotional, debts)


def _net(sums: Iterable[MoneySum]) -> Amounts:
    net: dict[str, int] = defaultdict(int)
    for each in sums:
        net[each.currency] += each.debit - each.credit
    return net


def _negative(amounts: Amounts) -> Amounts:
    return {currency: -micros for currency, micros in amounts.items()}
