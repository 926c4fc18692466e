"""The chart in the code and the chart in the database are one."""

import re
from importlib import import_module

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.chart_of_accounts import ACCOUNTS, CHART, MAY_OVERDRAW, WALLET, Kind, direction

migration = import_module("services.billing.migrations.versions.0008_money_book")
kinds = import_module("services.billing.migrations.versions.0022_subscription_money")
accounts = import_module("services.billing.migrations.versions.0024_sales")


def words_in(sql: str, before: str) -> set[str]:
    """The quoted words of the list that follows."""
    return set(re.findall(r"'(\w+)'", sql.partition(before)[2].partition(")")[0]))


def test_the_database_knows_the_same_kinds_and_sides() -> None:
    table = migration.CHART.partition("INSERT INTO chart_of_accounts")[2].partition(";")[0]
    in_database = set(re.findall(r"\('(\w+)', '(\w+)', '(\w+)'\)", table))
    assert in_database == {(kind.value, sides.debit, sides.credit) for kind, sides in CHART.items()}
    assert words_in(migration.CHART, "transfer_is_of_a_kind CHECK (kind IN (") == {kind.value for kind in CHART}


def test_every_kind_that_takes_is_guarded_in_the_database_or_may_overdraw() -> None:
    guarded = {Kind(name) for name in words_in(migration.CHART, "kind NOT IN (")}
    assert guarded == {kind for kind in Kind if direction(kind) < 0} - MAY_OVERDRAW


def test_only_a_void_moves_nothing() -> None:
    assert {kind for kind in Kind if direction(kind) == 0} == {Kind.VOID}


def test_every_side_is_an_account_of_the_chart() -> None:
    assert {side for sides in CHART.values() for side in (sides.debit, sides.credit)} <= set(ACCOUNTS)


def test_the_money_book_knows_the_same_kinds_and_every_account_but_the_wallets() -> None:
    assert words_in(kinds.BOOK, "money_entry_is_of_a_kind CHECK (kind IN (") == set(MoneyKind)
    assert words_in(accounts.BOOK, "CHECK (ledger_account IN (") == set(ACCOUNTS) - {WALLET}
