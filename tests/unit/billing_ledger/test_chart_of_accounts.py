"""The chart in the code and the chart in the database are one."""

import re
from importlib import import_module

from services.billing.domain.chart_of_accounts import CHART, MAY_OVERDRAW, Kind, direction

migration = import_module("services.billing.migrations.versions.0002_ledger")


def test_the_database_knows_the_same_kinds_and_sides() -> None:
    constraint = migration.TRANSFERS.partition("transfer_follows_the_chart")[2].partition("PARTITION BY")[0]
    in_database = set(re.findall(r"\('(\w+)', '(\w+)', '(\w+)'\)", constraint))
    assert in_database == {(kind.value, sides.debit, sides.credit) for kind, sides in CHART.items()}


def test_every_kind_that_takes_is_guarded_in_the_database_or_may_overdraw() -> None:
    guarded = re.search(r"spends_no_more\w+ CHECK \(kind NOT IN \(([^)]*)\)", migration.TRANSFERS)
    assert guarded
    named = {Kind(name) for name in re.findall(r"'(\w+)'", guarded[1])}
    assert named == {kind for kind in Kind if direction(kind) < 0} - MAY_OVERDRAW


def test_only_a_void_moves_nothing() -> None:
    assert {kind for kind in Kind if direction(kind) == 0} == {Kind.VOID}
