"""`python -m tollgate_client verify`, as a process without network, and its words."""

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.client_python.signing import AUDIENCE, EXPIRES_AT, FINGERPRINT, GRACE, NOW, pinned, signed
from tollgate_client.__main__ import main

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "clients" / "python" / "src"


@pytest.fixture
def terms(tmp_path: Path) -> list[str]:
    keys = {kid: base64.b64encode(key.key).decode() for kid, key in pinned().items()}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    (tmp_path / "license.txt").write_text(signed())
    files = [str(tmp_path / "license.txt"), "--keys", str(tmp_path / "keys.json")]
    return ["verify", *files, "--audience", AUDIENCE, "--server", "web-1", "--fingerprint", FINGERPRINT]


def at(moment: object) -> list[str]:
    return ["--at", str(moment)]


def test_a_good_file_ends_with_0_and_its_code(terms: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*terms, *at(NOW)]) == 0
    assert capsys.readouterr().out.startswith("VALID: ")


def test_an_expired_file_ends_with_1(terms: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*terms, *at(EXPIRES_AT + GRACE), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["valid"], told["claims"]["server_id"]) == ("EXPIRED", False, "web-1")


def test_what_cannot_be_looked_at_ends_with_2(terms: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    terms[1] += ".none"
    assert main(terms) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "why"), [(["--at", "noon"], "no time"), (["--at", "2027-02-01T00:00:00"], "offset"), ([], "required")]
)
def test_what_is_asked_wrongly_is_said(
    options: list[str], why: str, terms: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*terms, *options] if options else [])
    assert ended.value.code == 2
    assert why in capsys.readouterr().err


def test_keys_that_are_none_are_said(terms: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*terms, "--keys", terms[1]]) == 2
    assert "public keys are JSON" in capsys.readouterr().err


def test_a_store_remembers_between_two_runs(terms: list[str], tmp_path: Path) -> None:
    (tmp_path / "seal").write_bytes(b"0123456789abcdef")
    kept = ["--store", str(tmp_path / "mark"), "--store-key", str(tmp_path / "seal")]
    assert main([*terms, *kept, *at(EXPIRES_AT)]) == 0
    assert main([*terms, *kept, *at(NOW)]) == 1


NO_NETWORK = """
import runpy, socket, sys
def refuse(*_args, **_kwargs): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
sys.argv[0] = "tollgate_client"
if sys.argv[1] == "verify":
    runpy.run_module("tollgate_client", run_name="__main__")
else:
    sys.argv.pop(0)
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def without_network(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", NO_NETWORK, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_it_runs_where_every_use_of_the_network_fails(terms: list[str]) -> None:
    run = without_network(*terms, *at(NOW))
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("VALID: ")


def test_the_example_runs_where_every_use_of_the_network_fails(terms: list[str], tmp_path: Path) -> None:
    (tmp_path / "keys.json").rename(tmp_path / "public-keys.json")
    today = datetime.now(UTC).replace(microsecond=0)
    example = str(ROOT / "clients" / "python" / "examples" / "verify_offline.py")
    (tmp_path / "license.txt").write_text(signed(issued_at=today, expires_at=today + timedelta(days=1)))
    good = without_network(example, str(tmp_path))
    assert (good.returncode, good.stderr, good.stdout[:7]) == (0, "", "VALID: ")
    (tmp_path / "license.txt").write_text(signed(issued_at=today, sequence=1, expires_at=today + timedelta(days=9)))
    older = without_network(example, str(tmp_path))
    assert (older.returncode, older.stdout[:13]) == (1, "ROLLED_BACK: ")
