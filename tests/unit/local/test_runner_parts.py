"""The runner's values: secrets, programs, readable ends, the lines to paste."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.runner import programs
from deploy.local.runner.files import read_json, write_json
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.programs import Addresses, Plan
from deploy.local.runner.story import story
from deploy.local.runner.supervisor import describe

SERVICES = ["gateway", "billing"]
INNER = {
    "billing": 1,
    "licensing": 2,
    "fraud": 3,
    "stripe_sandbox": 4,
    "demo_upstream": 5,
    "mail": 6,
    "smtp": 7,
}


def plan(tmp_path: Path, **given: str) -> Plan:
    keyring = open_keyring(tmp_path / "secrets.json", list(programs.SERVICES))
    addresses = Addresses(8082, INNER)
    return Plan(tmp_path, addresses, keyring, "postgresql://owner:pw@127.0.0.1:5/tollgate", "redis://r", given)


@pytest.fixture
def everything_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "is_present", lambda module: True)


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = open_keyring(file, SERVICES)
    kept = file.read_text()
    second = open_keyring(file, SERVICES)
    assert file.read_text() == kept
    assert file.stat().st_mode & 0o777 == 0o600
    assert first.public_keys() == second.public_keys()
    assert first.of("gateway", "signing_key") != first.of("billing", "signing_key")
    assert kept not in repr(first)


def test_service_that_comes_later_gets_its_own_secrets(tmp_path: Path) -> None:
    before = open_keyring(tmp_path / "secrets.json", SERVICES)
    after = open_keyring(tmp_path / "secrets.json", [*SERVICES, "portal"])
    assert after.of("billing", "seal_key") == before.of("billing", "seal_key")
    assert set(after.public_keys()) == {"gateway", "billing", "portal"}


@pytest.mark.usefixtures("everything_present")
def test_stripe_key_of_ones_own_replaces_the_sandbox(tmp_path: Path) -> None:
    with_sandbox = {one.name: one for one in plan(tmp_path).programs()}
    with_stripe = {
        one.name: one
        for one in plan(tmp_path, STRIPE_SECRET_KEY="sk_test_mine", STRIPE_WEBHOOK_SECRET="whsec_mine").programs()
    }
    assert with_sandbox["billing"].environment["STRIPE_API_BASE"] == "http://127.0.0.1:4"
    assert "stripe_sandbox" in with_sandbox
    assert "stripe_sandbox" not in with_stripe
    assert "STRIPE_API_BASE" not in with_stripe["billing"].environment
    assert with_stripe["billing"].environment["STRIPE_WEBHOOK_SECRET"] == "whsec_mine"
    assert "STRIPE_SECRET_KEY" not in with_stripe["gateway"].environment


@pytest.mark.usefixtures("everything_present")
def test_each_service_has_its_own_role_and_knows_its_siblings(tmp_path: Path) -> None:
    started = {one.name: one for one in plan(tmp_path).programs()}
    for name in programs.SERVICES:
        environment = started[name].environment
        assert f"//tollgate_{name}:" in environment["DATABASE_URL"]
        assert environment["BILLING_URL"] == "http://127.0.0.1:1"
        assert environment["GATEWAY_URL"] == "http://127.0.0.1:8082"
        assert set(json.loads(environment["SERVICE_PUBLIC_KEYS"])) == set(programs.SERVICES)
        assert "DATABASE_OWNER_URL" not in environment
    assert started["gateway"].environment["SMTP_PORT"] == "7"
    assert "secrets" not in repr(started["gateway"])
    assert started["billing"].environment["SERVICE_SIGNING_KEY"] not in repr(started["billing"])


def test_absent_programs_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "is_present", lambda module: module == "services.gateway")
    assert [one.name for one in plan(tmp_path).programs()] == ["gateway"]


def test_end_of_a_process_is_described_in_words() -> None:
    assert describe(-signal.SIGKILL) == "signal SIGKILL"
    assert describe(3) == "exit code 3"


def test_free_port_is_free_and_outside_the_outgoing_range() -> None:
    port = ports.free_port()
    assert ports.is_free(port)
    assert port < 32_768


def test_json_file_is_replaced_whole_and_nonsense_reads_as_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    assert read_json(file) is None
    write_json(file, {"a": 1})
    write_json(file, {"a": 2})
    assert read_json(file) == {"a": 2}
    file.write_text("{half")
    assert read_json(file) is None


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_story_is_understood_by_the_shell(shell: str) -> None:
    lines = story("http://127.0.0.1:8082")
    subprocess.run([shell, "-n"], input=lines, text=True, check=True)
    assert re.findall(r"/(?:api|proxy)/[\w/-]+", lines) == [
        "/api/v1/auth/register",
        "/api/v1/auth/api-key",
        "/api/v1/credits/checkout",
        "/api/v1/auth/api-key",
        "/proxy/echo/hello",
        "/api/v1/credits",
    ]
