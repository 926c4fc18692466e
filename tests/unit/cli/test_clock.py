"""`tollgate clock`: what it takes, and what it says without a stack."""

import argparse
from pathlib import Path

import pytest

from deploy.cli.__main__ import main
from deploy.cli.clock_command import amount_of, portions

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("31d", 31 * DAY), ("365d", 365 * DAY)]
)
def test_amounts_are_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert amount_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0d", "31", "-1d", "1.5h", "2w", "1d2h", "99999d", "١d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        amount_of(text)


def test_more_than_31_days_go_in_portions() -> None:
    assert portions(31 * DAY) == [31 * DAY]
    assert portions(365 * DAY) == [31 * DAY] * 11 + [24 * DAY]


@pytest.mark.parametrize("more", [[], ["advance", "2h"]])
def test_without_a_stack_it_says_how_to_start_one(
    tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["clock", *more, "--data-dir", str(tmp_path)])
    assert ended.value.code == 69
    assert "make run" in capsys.readouterr().err
