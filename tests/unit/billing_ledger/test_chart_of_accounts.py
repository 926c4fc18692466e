"""The chart in the code and the chart in the database are one."""

import re
from importlib import import_module

from services.billing.domain.chart_of_accounts import CHART, MAY_OVERDRAW, Kind, direction

migration = import_module("services.billing.migrations.versions.0002_ledger")
lean = import_module("services.billing.migrations.versions.0004_lean_postings")


def test_the_database_knows_the_same_kinds_and_sides() -> None:
    table = lean.TRANSFERS.partition("INSERT INTO chart_of_accounts")[2].partition(";")[0]
    in_database = set(re.findall(r"\('(\w+)', '(\w+)', '(\w+)'\)", table))
    assert in_database == {(kind.value, sides.debit, sides.credit) for kind, sides in CHART.items()}
    known = re.search(r"transfer_is_of_a_kind CHECK \(kind IN \(([^)]*)\)", lean.TRANSFERS)
    assert known and set(re.findall(r"'(\w+)'", known[1])) == {kind.value for kind in CHART}


def test_every_kind_that_takes_is_guarded_in_the_database_or_may_overdraw() -> None:
    guarded = re.search(r"spends_no_more\w+ CHECK \(kind NOT IN \(([^)]*)\)", migration.TRANSFERS)
    assert guarded
    named = {Kind(name) for name in re.findall(r"'(\w+)'", guarded[1])}
    assert named == {kind for kind in Kind if direction(kind) < 0} - MAY_OVERDRAW


def test_only_a_void_moves_nothing() -> None:
    assert {kind for kind in Kind if direction(kind) == 0} == {Kind.VOID}
