"""`python -m tollgate_client verify`, as a process without network, and its words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.client_python.signing import AUDIENCE, EXPIRES_AT, FINGERPRINT, GRACE, NOW, pinned, signed
from tollgate_client.__main__ import main

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "clients" / "python" / "src"


@pytest.fixture
def terms(tmp_path: Path) -> list[str]:
    import base64

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
runpy.run_module("tollgate_client", run_name="__main__")
"""


def test_it_runs_where_every_use_of_the_network_fails(terms: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    run = subprocess.run(
        [sys.executable, "-c", NO_NETWORK, *terms, *at(NOW)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("VALID: ")
