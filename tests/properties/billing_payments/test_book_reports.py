"""What the reports say of any entries: two sides of one truth (ADR 0019)."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.books.reports import (
    USD,
    MoneySum,
    owed,
    profit_and_loss,
    total_of,
    trial_balance,
    wallets_total,
)
from services.billing.domain.chart_of_accounts import ACCOUNTS, WALLET, Kind, Nature

amounts = st.integers(1, 10**15)
currencies = st.sampled_from(["usd", "eur", "jpy"])
transfer_sums = st.dictionaries(st.sampled_from(sorted(set(Kind) - {Kind.VOID})), amounts)
money_accounts = st.sampled_from(sorted(set(ACCOUNTS) - {WALLET, "revenue", "breakage", "adjustments", "promotions"}))


@st.composite
def money_sums(draw: st.DrawFn) -> list[MoneySum]:
    """Of any balanced lines."""

    def of_one_movement() -> Iterator[MoneySum]:
        kind, currency, amount = draw(st.sampled_from(MoneyKind)), draw(currencies), draw(amounts)
        yield MoneySum(kind, draw(money_accounts), currency, amount, 0)
        yield MoneySum(kind, draw(money_accounts), currency, 0, amount)

    return [line for _ in range(draw(st.integers(0, 8))) for line in of_one_movement()]


@given(transfer_sums, money_sums())
def test_the_trial_balance_of_balanced_entries_balances(transfers: dict[Kind, int], money: list[MoneySum]) -> None:
    found = trial_balance(transfers, money)
    assert found.balanced
    seen = [(each.ledger_account, each.currency) for each in found.accounts]
    assert len(seen) == len(set(seen))


@given(transfer_sums, money_sums(), currencies, st.integers(1, 10**9))
def test_it_does_not_balance_where_one_side_is_missing(
    transfers: dict[Kind, int], money: list[MoneySum], currency: str, amount: int
) -> None:
    one_side = MoneySum(MoneyKind.STRIPE, "stripe_balance", currency, amount, 0)
    found = trial_balance(transfers, [*money, one_side])
    assert not found.balanced and found.totals[currency].balance == amount


@given(transfer_sums, money_sums())
def test_the_profit_is_what_the_other_accounts_have_gained(transfers: dict[Kind, int], money: list[MoneySum]) -> None:
    profit = total_of(profit_and_loss(transfers, money).profit)
    gained = dict.fromkeys(["usd", "eur", "jpy"], 0)
    for each in trial_balance(transfers, money).accounts:
        if each.nature not in (Nature.INCOME, Nature.EXPENSE):
            gained[each.currency] += each.balance
    assert gained == {currency: profit.get(currency, 0) for currency in gained}


@given(transfer_sums, st.integers(0, 10**15), st.integers(0, 10**15))
def test_credits_sold_given_and_owed_are_what_the_wallets_have(
    transfers: dict[Kind, int], promotional: int, debts: int
) -> None:
    wallets = wallets_total(transfers)
    assert -wallets == sum(
        each.balance for each in trial_balance(transfers, []).accounts if each.ledger_account == WALLET
    )
    parts = owed(wallets=wallets, promotional=promotional, debts=debts)
    assert parts.deferred_revenue + parts.promotional_credits - parts.customers_debts == wallets


@given(transfer_sums)
def test_a_report_without_money_is_in_dollars_alone(transfers: dict[Kind, int]) -> None:
    report = profit_and_loss(transfers, [])
    assert set(total_of(report.profit)) <= {USD} and not any(total_of(report.sales).values())
