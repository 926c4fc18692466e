"""A customer's proof of an entry: made by the running service, checked by the programs in docs/."""

import base64
import copy
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.billing.app import create_app
from services.billing.use_cases.sealing import Sealer, checkpoint_if_due
from services.billing.use_cases.verify_seals import verify_seals
from shared import ids
from shared.service_auth import Caller
from tests.integration.billing_ledger.asking import charge, reverse
from tests.integration.billing_seal.conftest import Fund, post, seal_all
from tests.support.http import running
from tests.support.keys import headers_for

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture
async def http(settings_for: Callable[..., Any], billing: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Billing's doors without its loops: the tests seal."""
    app = create_app(settings_for("billing", run_workers=False, seal_checkpoint_seconds=1))
    async with running(app) as url, httpx.AsyncClient(base_url=url, timeout=10) as client:
        yield client


async def get(http: httpx.AsyncClient, account_id: str, path: str) -> httpx.Response:
    return await http.get(path, headers=headers_for(Caller(account_id, "customer"), "billing"))


async def entries(http: httpx.AsyncClient, account_id: str) -> list[dict[str, Any]]:
    listed = await get(http, account_id, "/api/v1/credits/transactions")
    return list(listed.json()["data"])


async def proof_of(http: httpx.AsyncClient, account_id: str, entry: dict[str, Any]) -> Any:
    answered = await get(http, account_id, f"/api/v1/credits/transactions/{entry['id']}/proof")
    assert answered.status_code == 200, answered.text
    return answered.json()


def check(program: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(DOCS / program), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def holds(proof: Any) -> bool:
    result = check("verify_proof.py", "-", given=json.dumps(proof))
    assert "Traceback" not in result.stderr, result.stderr
    return result.returncode == 0


@pytest.fixture
async def story(billing: Any, later: Callable[..., Any], fund: Fund, account_id: str) -> str:
    """Entries of every shape among others', in seals of which some are signed."""
    for number in range(5):
        await fund(f"acct_{number}", 10_000_000)
        await post(billing.database, *(charge(f"acct_{number}", 1_234) for _ in range(number)))
        await seal_all(billing)
    await fund(account_id, 10_000_000)
    first = charge(account_id, 1_234_567)
    await post(billing.database, first, charge(account_id, 0), charge(account_id, 1))
    await seal_all(billing)
    await checkpoint_if_due(later(5))
    await post(billing.database, reverse(first), charge(account_id, 1_000))
    await seal_all(billing)
    return account_id


async def test_every_entry_has_a_proof_that_the_verifier_confirms(http: httpx.AsyncClient, story: str) -> None:
    listed = await entries(http, story)
    assert [entry["type"] for entry in listed] == ["charge", "reversal", "charge", "charge", "charge", "purchase"]
    for number, entry in enumerate(listed):
        proof = await proof_of(http, story, entry)
        assert entry.items() <= proof["entry"].items()
        assert (proof["checkpoint"] is None) == (number < 2)
        assert proof["checkpoint"] is None or proof["checkpoint"]["root"] == proof["root"]
        assert holds(proof)


async def test_no_changed_proof_is_confirmed(http: httpx.AsyncClient, story: str) -> None:
    proof = await proof_of(http, story, (await entries(http, story))[4])
    changes = {
        "credits": -1.235, "balance_after": 0, "type": "debit", "description": "other", "position": 3,
        "created_at": "2026-01-01T00:00:00.000001Z", "account_id": "acct_other", "refers_to": proof["entry"]["id"],
        "id": proof["entry"]["request_id"],
    }  # fmt: skip
    signed = proof["entry"]["credits"]
    changed_numbers = [("credits", -signed), ("credits", signed - 0.0001), ("balance_after", 0.5)]
    for name, value in [*changes.items(), *changed_numbers, ("reference", "pay_1"), ("request_id", None)]:
        changed = copy.deepcopy(proof)
        assert changed["entry"][name] != value
        changed["entry"][name] = value
        assert not holds(changed), name
    for number, step in enumerate(proof["path"]):
        changed = copy.deepcopy(proof)
        changed["path"][number]["side"] = "left" if step["side"] == "right" else "right"
        assert not holds(changed), number
    for where in (proof, proof["checkpoint"]):
        root, where["root"] = where["root"], "00" * 32
        assert not holds(proof)
        where["root"] = root
    proof["checkpoint"]["statement"] = proof["checkpoint"]["statement"].replace(proof["root"], "00" * 32)
    assert not holds(proof)


async def test_a_checkpoints_signature_is_checked_by_python_and_by_openssl(
    http: httpx.AsyncClient, story: str, tmp_path: Path
) -> None:
    proof = await proof_of(http, story, (await entries(http, story))[-1])
    keys = await http.get("/api/v1/ledger/public-keys")
    assert keys.status_code == 200, "anybody may know them"
    files = [tmp_path / "proof.json", tmp_path / "keys.json"]
    files[1].write_text(keys.text)
    statement = proof["checkpoint"]["statement"]
    for text, says in ((statement, 0), (statement.replace("seals: 1", "seals: 2"), 1)):
        proof["checkpoint"]["statement"] = text
        files[0].write_text(json.dumps(proof))
        checked = check("verify_checkpoint.py", *map(str, files))
        assert (checked.returncode, "Traceback" in checked.stderr) == (says, False), checked.stderr
        if shutil.which("openssl"):
            assert openssl_says(proof["checkpoint"], keys.json()["data"][0]["public_key"], tmp_path) == says


def openssl_says(checkpoint: Any, public_key: str, folder: Path) -> int:
    """As docs/proofs.md tells it."""
    der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(public_key)
    contents = {"key": der, "signature": base64.b64decode(checkpoint["signature"])}
    for name, content in {**contents, "statement": checkpoint["statement"].encode()}.items():
        (folder / name).write_bytes(content)
    names = {"-inkey": "key", "-in": "statement", "-sigfile": "signature"}
    options = [part for option, name in names.items() for part in (option, str(folder / name))]
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", *options]
    return subprocess.run(command, capture_output=True, check=False).returncode


async def test_paths_through_the_groups_of_a_long_day_hold(
    http: httpx.AsyncClient,
    billing: Any,
    later: Callable[..., Any],
    fund: Fund,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("domain.seal.checkpoint", "domain.seal.audit", "use_cases.sealing", "use_cases.entry_proof"):
        monkeypatch.setattr(f"services.billing.{module}.GROUP", 4)
    account_id = "acct_of_a_long_day"
    await fund(account_id, 10_000)
    for number in range(13):
        await post(billing.database, charge(account_id, 1))
        await seal_all(billing)
        if number in (1, 11):
            await checkpoint_if_due(later(5 * number))
    proofs = [await proof_of(http, account_id, entry) for entry in await entries(http, account_id)]
    assert [proof["checkpoint"] is None for proof in proofs] == [True] + [False] * 13
    assert len({proof["root"] for proof in proofs}) == 3
    assert all(map(holds, proofs))
    assert (await verify_seals(billing.database, billing.settings.seal_signer, patience=0)).sealed


async def test_an_entry_that_nobody_sealed_yet_is_to_be_asked_for_again(
    http: httpx.AsyncClient, billing: Any, fund: Fund, account_id: str
) -> None:
    await fund(account_id, 10_000)
    entry = (await entries(http, account_id))[0]
    early = await get(http, account_id, f"/api/v1/credits/transactions/{entry['id']}/proof")
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (409, "not_sealed_yet", "1")
    await Sealer(billing).seal()
    assert holds(await proof_of(http, account_id, entry))


async def test_nobody_gets_the_proof_of_anothers_entry(
    http: httpx.AsyncClient, billing: Any, fund: Fund, account_id: str
) -> None:
    await fund(account_id, 10_000)
    await seal_all(billing)
    entry = (await entries(http, account_id))[0]
    stranger = ids.new_id("acct", at=billing.clock.now())
    unknown = ids.new_id("txn", at=billing.clock.now())
    for account, entry_id in ((stranger, entry["id"]), (account_id, "txn_1"), (account_id, unknown)):
        refused = await get(http, account, f"/api/v1/credits/transactions/{entry_id}/proof")
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_a_book_that_was_changed_gives_no_proof(http: httpx.AsyncClient, story: str, owner: Any) -> None:
    entry = (await entries(http, story))[3]
    await owner.execute("UPDATE transfers SET amount = 5 WHERE account_id = $1 AND position = 1", story)
    refused = await get(http, story, f"/api/v1/credits/transactions/{entry['id']}/proof")
    assert refused.status_code == 500
