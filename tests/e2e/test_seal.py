"""The seal through the running stack: a customer's proof, and the operator's verification."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.callers import Customer, Operator, exact
from tests.e2e.running import ROOT, Running
from tests.e2e.waiting import eventually

SEALED_WITHIN_SECONDS = 2.0


def proof_of(customer: Customer, entry_id: str) -> Any:
    """The proof as text, or None while the entry is not sealed."""
    answer = customer.get(f"/api/v1/credits/transactions/{entry_id}/proof")
    if answer.status_code == 409:
        assert exact(answer)["code"] == "not_sealed_yet"
        assert answer.headers["retry-after"] == "1"
        return None
    assert answer.status_code == 200, answer.text
    return answer.text


def check(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=60
    )


def test_an_entry_can_be_proved_two_seconds_after_it_was_posted(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000_000)
    entry = customer.transactions()[0]
    text = eventually(
        lambda: proof_of(customer, entry["id"]), seconds=SEALED_WITHIN_SECONDS + 0.5, what="the entry is sealed"
    )
    proof = json.loads(text)
    assert proof["entry"]["id"] == entry["id"]
    assert check("docs/verify_proof.py", "-", given=text).returncode == 0
    proof["entry"]["credits"] += 1
    assert check("docs/verify_proof.py", "-", given=json.dumps(proof)).returncode == 1


def test_the_keys_that_sign_are_public_and_proofs_are_not(customer: Customer, operator: Operator) -> None:
    keys = customer.http.get("/api/v1/ledger/public-keys")
    assert keys.status_code == 200
    assert [set(key) for key in keys.json()["data"]] == [{"kid", "alg", "public_key"}]
    operator.grant(customer, 1_000)
    entry = customer.transactions()[0]["id"]
    assert customer.http.get(f"/api/v1/credits/transactions/{entry}/proof").status_code == 401
    assert (
        operator.http.get(
            f"/api/v1/credits/transactions/{entry}/proof", headers={"Authorization": f"Bearer {operator.token}"}
        ).status_code
        == 404
    )


def test_the_ledger_is_proved_by_the_api_and_by_the_command_line(
    running: Running, customer: Customer, operator: Operator
) -> None:
    operator.grant(customer, 1_000)
    verdict = operator.verify()
    assert (verdict["balanced"], verdict["sealed"], verdict["differences"]) == (True, True, [])
    told = check("-m", "deploy.cli", "ledger", "verify", "--data-dir", str(running.data))
    assert told.returncode == 0, told.stderr
    assert "The book holds" in told.stdout
    assert "The seal holds" in told.stdout
    as_json = check("-m", "deploy.cli", "ledger", "verify", "--json", "--data-dir", str(running.data))
    assert set(json.loads(as_json.stdout)) == set(verdict)


def test_a_folder_without_a_stack_is_told(tmp_path: Path) -> None:
    refused = check("-m", "deploy.cli", "ledger", "verify", "--data-dir", str(tmp_path))
    assert refused.returncode == 69
    assert "make run" in refused.stderr
