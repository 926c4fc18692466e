"""The operator's command."""

import subprocess
import sys

import pytest

from deploy.cli.__main__ import EXIT_USAGE, SERVICES


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
