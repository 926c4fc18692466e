"""The operator's command."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from deploy.cli.__main__ import EXIT_USAGE, SERVICES
from services.billing.__main__ import _books_parser


def _tollgate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_settings_are_listed(service: str) -> None:
    listed = _tollgate(service, "settings")
    assert listed.returncode == 0, listed.stderr
    assert "DATABASE_URL (required)" in listed.stdout


@pytest.mark.parametrize("arguments", [(), ("gateway",), ("portal", "serve")])
def test_what_it_does_not_know_gets_the_usage(arguments: tuple[str, ...]) -> None:
    refused = _tollgate(*arguments)
    assert refused.returncode == EXIT_USAGE
    assert refused.stderr.startswith("usage: tollgate")


def test_a_missing_setting_is_named_with_its_mend() -> None:
    command = [sys.executable, "-m", "deploy.cli", "billing", "serve", "--port", "1"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"})
    assert refused.returncode == 78
    assert "DATABASE_URL: is not set. It is: PostgreSQL, as this service's own role" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_report_that_there_is_not_is_refused() -> None:
    refused = _tollgate("books", "forecast")
    assert refused.returncode == 2
    assert "trial-balance, profit" in refused.stderr.replace("'", "")


def test_a_reports_period_is_read_as_days_and_instants(capsys: pytest.CaptureFixture[str]) -> None:
    given = _books_parser().parse_args(["profit", "--from", "2026-01-01", "--to", "2026-01-31"])
    assert (given.start, given.to) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    at = _books_parser().parse_args(["trial-balance", "--at", "2026-01-31T12:00:00+02:00"]).at
    assert at == datetime(2026, 1, 31, 10, tzinfo=UTC)
    with pytest.raises(SystemExit):
        _books_parser().parse_args(["trial-balance", "--at", "soon"])
    assert "a date or an RFC 3339 time" in capsys.readouterr().err
