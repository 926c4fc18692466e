"""Rules as a file: all of it or nothing, each fault with its rule."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.fraud.domain.rules.rule import Draft, RuleId, Version
from services.fraud.domain.rules.rule_file import Faulty, read, written
from services.fraud.domain.rules.shipped import SHIPPED

GOOD = {"code": "bots", "expression": "is_bot && hour < 6", "weight_bp": 3_000, "detail": "Odd."}


def file_of(*rules: Any) -> str:
    return json.dumps({"rules": rules})


def test_file_that_was_written_is_read_as_it_was() -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    versions = [
        Version(RuleId("r"), 1, each.code, each.expression, each.weight_bp, each.detail, "live", "system", now)
        for each in SHIPPED
    ]
    assert read(written(versions)) == {
        each.code: Draft(each.expression, each.weight_bp, each.detail) for each in SHIPPED
    }


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "no JSON"),
        ("[]", 'must be {"rules": [...]}'),
        ('{"rules": [], "more": 1}', "must be"),
        (file_of(*[GOOD] * 201), "has more than 200"),
        (file_of({**GOOD, "more": 1}), "rule 1: must have"),
        (file_of("bots"), "rule 1: must have"),
        (file_of(GOOD, GOOD), "rule 2: bots stands in the file twice"),
        (file_of({**GOOD, "code": "B"}), "rule 1: code must be"),
        (file_of({**GOOD, "weight_bp": True}), "rule 1: bots: weight_bp must be a whole number"),
        (file_of({**GOOD, "weight_bp": 10_000}), "rule 1: weight_bp: must be from 1 to 9999"),
        (file_of({**GOOD, "detail": "a\nb"}), "rule 1: bots: detail"),
        (file_of({**GOOD, "expression": 3}), "rule 1: bots: expression must be a text"),
        (file_of(GOOD, {**GOOD, "code": "hours", "expression": "hours > 3"}), "rule 2: hours: at character 1"),
    ],
)
def test_faulty_file_is_refused_with_what_is_wrong(content: str, fault: str) -> None:
    with pytest.raises(Faulty) as refused:
        read(content)
    assert refused.value.faults[0].startswith(fault), refused.value.faults


def test_every_fault_is_told() -> None:
    with pytest.raises(Faulty) as refused:
        read(file_of({**GOOD, "expression": "x"}, GOOD, {**GOOD, "code": "more", "expression": "y"}))
    assert [fault.partition(":")[0] for fault in refused.value.faults] == ["rule 1", "rule 3"]
