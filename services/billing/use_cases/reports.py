"""Operators' reports of both sub-books: a trial balance, and sales and profit of a period (ADR 0019).

Each reads one snapshot, beside running postings, and locks nothing. Instants are business time. What is left of
promotional credits at an instant is computed from the entries (ADR 0016) of the accounts that were given some and have
a balance, one after another: a past instant from the account's first entry on, a recent one from its stored state.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.billing.domain.books.posting import MICROS
from services.billing.domain.books.reports import (
    USD,
    AccountBalance,
    Amounts,
    Owed,
    ProfitAndLoss,
    TrialBalance,
    owed,
    profit_and_loss,
    total_of,
    trial_balance,
    wallets_total,
)
from services.billing.domain.ledger.grants import PLAIN
from services.billing.store import book_sums
from services.billing.store.credit_grants import PAID_PRIORITY
from services.billing.store.ledger_connection import Ledger, ledger_snapshot
from services.billing.use_cases.grant_expiry import standing_of
from shared.db import Database
from shared.errors import Invalid

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)
PERIOD = timedelta(days=30)
"""What a period is where its beginning is not said."""
_ACCOUNTS_AT_ONCE = 500

View = dict[str, object]


@dataclass(frozen=True, slots=True)
class TrialBalanceReport:
    """Everything that was booked to each ledger account before `at`, where that is an instant."""

    at: datetime | None
    found: TrialBalance

    def as_view(self) -> View:
        """As the API answers."""
        return {
            "at": self.at,
            "balanced": self.found.balanced,
            "accounts": [
                {"ledger_account": each.ledger_account, "nature": each.nature.value, **_sides(each)}
                for each in self.found.accounts
            ],
            "totals": [_sides(total) for total in self.found.totals.values()],
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{'ledger account':<20} {'':<10} {'':<4} {'debit':>22} {'credit':>22} {'balance':>22}"
        for each in self.found.accounts:
            yield _row(each.ledger_account, each.nature.value, each)
        for total in self.found.totals.values():
            yield _row("total", "", total)
        yield f"The books {'balance' if self.found.balanced else 'DO NOT BALANCE'}."


@dataclass(frozen=True, slots=True)
class RevenueReport:
    """Sales and profit in [start, end), and what the wallets were at both."""

    start: datetime
    end: datetime
    found: ProfitAndLoss
    opening: Owed
    closing: Owed

    def as_view(self, currency: str | None = None) -> View:
        """As the API answers; of one currency alone where it is named."""
        return {
            "from": self.start,
            "to": self.end,
            "sales": _group(self.found.sales, currency),
            "profit": _group(self.found.profit, currency),
            "exchange": _monies(self.found.exchange, currency),
            "opening": _owed_view(self.opening),
            "closing": _owed_view(self.closing),
        }

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"From {self.start:%Y-%m-%d %H:%M:%S} up to {self.end:%Y-%m-%d %H:%M:%S} (UTC)."
        yield from _told("sales", self.found.sales)
        yield from _told("profit", self.found.profit)
        yield from _told_line("exchange", self.found.exchange)
        for when, what in (("opening", self.opening), ("closing", self.closing)):
            for name, millicredits in _parts(what).items():
                yield f"{f'{when}: {name}':<34} {decimal_of(millicredits):>22} {USD}"


def period_of(start: datetime | None, end: datetime | None, *, now: datetime) -> tuple[datetime, datetime]:
    """The period that is asked for: up to now, and 30 days, unless told. Raises Invalid where it has no length."""
    end = now if end is None else end
    start = end - PERIOD if start is None else start
    if start >= end:
        raise Invalid("query:/to", "must be after from")
    return start, end


async def report_trial_balance(database: Database, *, at: datetime | None) -> TrialBalanceReport:
    """Every ledger account's sums up to an instant, or of all that there is."""
    async with ledger_snapshot(database) as ledger:
        transfers = await book_sums.transfers_by_kind(ledger, start=BEGINNING, end=at or END)
        money = await book_sums.money_sums(ledger, start=BEGINNING, end=at or END)
    return TrialBalanceReport(at, trial_balance(transfers, money))


async def report_revenue(database: Database, *, start: datetime, end: datetime) -> RevenueReport:
    """Sales and profit of a period, with its opening and closing credits."""
    async with ledger_snapshot(database) as ledger:
        before = await book_sums.transfers_by_kind(ledger, start=BEGINNING, end=start)
        within = await book_sums.transfers_by_kind(ledger, start=start, end=end)
        money = await book_sums.money_sums(ledger, start=start, end=end)
        opened, moved = wallets_total(before), wallets_total(within)
        return RevenueReport(
            start,
            end,
            profit_and_loss(within, money),
            await _owed_at(ledger, opened, at=start),
            await _owed_at(ledger, opened + moved, at=end),
        )


async def _owed_at(ledger: Ledger, wallets: int, *, at: datetime) -> Owed:
    promotional = debts = 0
    async for page in book_sums.accounts_with_promotions(ledger, limit=_ACCOUNTS_AT_ONCE):
        for standing in await book_sums.standings(ledger, page, at=at):
            promotional += await _promotional(ledger, standing) if standing.balance > 0 else 0
    async for page in book_sums.accounts_overdrawn(ledger, limit=_ACCOUNTS_AT_ONCE):
        debts += sum(max(0, -each.balance) for each in await book_sums.standings(ledger, page, at=at))
    return owed(wallets=wallets, promotional=promotional, debts=debts)


async def _promotional(ledger: Ledger, standing: book_sums.Standing) -> int:
    """What was left of the account's lots that nobody paid for; credits given back without a lot are among them."""
    at_position = await standing_of(ledger, standing.account_id, standing.position)
    paid = {lot.id for lot in at_position.lots if lot.priority == PAID_PRIORITY}
    assert PLAIN.id not in paid
    return sum(amount for lot_id, amount in at_position.state.left.items() if lot_id not in paid)


def _sides(balance: AccountBalance) -> View:
    return {
        "currency": balance.currency,
        "debit": money_view(balance.debit, balance.currency),
        "credit": money_view(balance.credit, balance.currency),
        "balance": money_view(balance.balance, balance.currency),
    }


def money_view(micros: int, currency: str) -> View:
    """Finer than a minor unit, so both as an integer and in decimals of the major unit."""
    return {"micros": micros, "decimal": decimal_of(micros), "currency": currency}


def decimal_of(micros: int) -> str:
    """Micros in decimals of the currency's major unit, all six."""
    whole, rest = divmod(abs(micros), MICROS)
    return f"{'-' if micros < 0 else ''}{whole}.{rest:06d}"


def _group(lines: Mapping[str, Amounts], currency: str | None) -> View:
    view: View = {name: _monies(amounts, currency) for name, amounts in lines.items()}
    view["total"] = _monies(total_of(lines), currency)
    return view


def _monies(amounts: Amounts, currency: str | None) -> list[View]:
    return [money_view(micros, name) for name, micros in sorted(amounts.items()) if micros and currency in (None, name)]


def _owed_view(what: Owed) -> View:
    return {name: money_view(millicredits, USD) for name, millicredits in _parts(what).items()}


def _parts(what: Owed) -> Mapping[str, int]:
    return {
        "deferred_revenue": what.deferred_revenue,
        "promotional_credits": what.promotional_credits,
        "customers_debts": what.customers_debts,
    }


def _row(name: str, nature: str, each: AccountBalance) -> str:
    figures = " ".join(f"{decimal_of(micros):>22}" for micros in (each.debit, each.credit, each.balance))
    return f"{name:<20} {nature:<10} {each.currency:<4} {figures}"


def _told(title: str, group: Mapping[str, Amounts]) -> Iterator[str]:
    for name, amounts in {**group, "total": total_of(group)}.items():
        yield from _told_line(f"{title}: {name}", amounts)


def _told_line(name: str, amounts: Amounts) -> Iterator[str]:
    for currency, micros in sorted(amounts.items()):
        if micros:
            yield f"{name:<34} {decimal_of(micros):>22} {currency}"
