"""Refusals in the log: told by id or digest, never by key, and no more than so many a minute."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.licensing.domain.verdict import Code
from services.licensing.use_cases.story import MOST_A_MINUTE, Refusals
from shared.telemetry import configure_logging
from tests.unit.licensing.test_verdict import PAID

KEY = "ab" * 128


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    """The log's lines from `info` on."""
    configure_logging("tests", "info")
    with capture_logs() as lines:
        yield lines
    configure_logging("tests", "warning")


def test_refusal_names_the_license_or_a_digest_and_never_the_key(heard: list[Any]) -> None:
    refusals = Refusals(bytes(32), seconds=lambda: 1.0)
    refusals.tell("validate", Code.EXPIRED, PAID, KEY)
    refusals.tell("activate", Code.NOT_FOUND, None, KEY)
    lines = list(heard)
    assert [(line["asked"], line["code"]) for line in lines] == [("validate", "EXPIRED"), ("activate", "NOT_FOUND")]
    assert lines[0]["license"] == PAID.id and "key_digest" not in lines[0]
    assert len(lines[1]["key_digest"]) == 12 and "license" not in lines[1]
    assert "abab" not in str(lines) and {line["stream"] for line in lines} == {"licenses"}


def test_flood_writes_so_many_lines_a_minute_and_counts_the_rest(heard: list[Any]) -> None:
    at = itertools.chain(itertools.repeat(5.0, 1_000), itertools.repeat(65.0, 1), itertools.repeat(66.0))
    refusals = Refusals(bytes(32), seconds=lambda: next(at))
    for _ in range(1_001):
        refusals.tell("validate", Code.MALFORMED, None, "")
    lines = list(heard)
    assert [line["event"] for line in lines[:MOST_A_MINUTE]] == ["license_refused"] * MOST_A_MINUTE
    told = [(line["event"], line.get("count")) for line in lines[MOST_A_MINUTE:]]
    assert told == [("license_refusals_untold", 1_000 - MOST_A_MINUTE), ("license_refused", None)]
    refusals.close()
    assert heard == lines, "all that was untold is told"


def test_process_that_ends_says_what_it_has_not_told(heard: list[Any]) -> None:
    refusals = Refusals(bytes(32), seconds=lambda: 5.0)
    for _ in range(MOST_A_MINUTE + 7):
        refusals.tell("validate", Code.MALFORMED, None, "")
    refusals.close()
    assert heard[-1]["event"] == "license_refusals_untold" and heard[-1]["count"] == 7
