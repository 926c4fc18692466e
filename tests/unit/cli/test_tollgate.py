"""The operator's command."""

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.cli.__main__ import EXIT_USAGE, SERVICES, main
from services.billing.__main__ import main as billing
from services.billing.commands import COMMANDS
from services.billing.commands.books import add_arguments
from services.billing.use_cases.reports import period_of
from shared.errors import Invalid


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_settings_are_listed(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    main((service, "settings"))
    assert "DATABASE_URL (required)" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [(), ("gateway",), ("portal", "serve")])
def test_what_it_does_not_know_gets_the_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == EXIT_USAGE
    assert capsys.readouterr().err.startswith("usage: tollgate")


def test_a_missing_setting_is_named_with_its_mend() -> None:
    command = [sys.executable, "-m", "deploy.cli", "billing", "serve", "--port", "1"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"})
    assert refused.returncode == 78
    assert "DATABASE_URL: is not set. It is: PostgreSQL, as this service's own role" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_services_own_command_looks_for_a_stack(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.cli", "gateway", "create-operator", "--email", "a@b.example"]
    root = str(Path(__file__).parents[3])
    environment = {"PATH": "/usr/bin", "PYTHONPATH": root}
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert refused.returncode == 69
    assert f"No stack is running in {tmp_path / '.tollgate'}" in refused.stderr


def test_a_report_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(("books", "forecast"))
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("usage: tollgate books ")
    assert "trial-balance, profit" in said.replace("'", "")


def test_a_reports_period_is_read_as_days_and_instants(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = parser.parse_args(["profit", "--from", "2026-01-01", "--to", "2026-01-31"])
    assert (given.start, given.to) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    at = parser.parse_args(["trial-balance", "--at", "2026-01-31T12:00:00+02:00"]).at
    assert at == datetime(2026, 1, 31, 10, tzinfo=UTC)
    with pytest.raises(SystemExit):
        parser.parse_args(["trial-balance", "--at", "soon"])
    assert "a date or an RFC 3339 time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ledger", "--help"), "verify"),
        (("ledger", "verify", "--help"), "--data-dir DIR"),
        (("books", "--help"), "trial-balance"),
        (("books", "trial-balance", "--help"), "--at AT"),
        (("books", "profit", "--help"), "--from START"),
        (("webhooks", "list", "--help"), "--status"),
        (("webhooks", "replay", "--help"), "--all-parked"),
        (("reconcile", "--help"), "--days 1-30"),
        (("explain", "--help"), "PAYMENT_ID"),
        (("gateway", "create-operator", "--help"), "--email EMAIL"),
        (("gateway", "create-operator", "--help"), "--data-dir DIR"),
        (("gateway", "--help"), "create-operator"),
        (("billing", "--help"), "reconcile"),
        (("billing", "books", "profit", "--help"), "--to TO"),
        (("fraud", "serve", "--help"), "--port PORT"),
    ],
)
def test_help_needs_nothing_and_tells_of_the_commands_own_options(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert told.startswith(f"usage: tollgate {' '.join(arguments[:-1])} ")
    assert said in told


def test_each_of_billings_commands_is_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["billing", "--help"])
    with pytest.raises(SystemExit):
        billing()
    told = capsys.readouterr().out
    assert told.startswith("usage: python -m services.billing ")
    for command in COMMANDS:
        assert command in told


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_list_of_nothing_is_refused(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["webhooks", "list", f"--limit={limit}"])
    assert "a whole number over zero" in capsys.readouterr().err


def test_a_period_without_length_is_refused() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert period_of(None, None, now=now) == (datetime(2026, 1, 30, tzinfo=UTC), now)
    with pytest.raises(Invalid, match="to: must be after from"):
        period_of(now, now, now=now)
