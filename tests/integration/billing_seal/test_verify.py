"""Whatever the database's owner changes under the seal is found, and named."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.billing.domain.seal.checkpoint import Signer, signer
from services.billing.use_cases.sealing import Sealer, checkpoint_if_due
from services.billing.use_cases.verify_seals import verify_seals
from shared.db import Database
from tests.integration.billing_ledger.asking import charge
from tests.integration.billing_seal.conftest import Fund, post, seal_all


@pytest.fixture
async def sealed(billing: Any, later: Callable[..., Any], fund: Fund) -> AsyncIterator[Any]:
    """Three seals over nine transfers of three accounts; the first two are signed."""
    for number in range(3):
        await fund(f"acct_{number}", 10_000)
        await post(billing.database, *(charge(f"acct_{number}", 10) for _ in range(2)))
        await seal_all(billing)
        if number == 1:
            await checkpoint_if_due(later(5))
    yield billing


async def differences(billing: Any, by: Signer | None = None) -> list[tuple[str, int]]:
    proof = await verify_seals(billing.database, by or billing.settings.seal_signer, patience=0)
    return [(each.what, each.number) for each in proof.differences]


async def test_an_untouched_book_holds(sealed: Any) -> None:
    proof = await verify_seals(sealed.database, sealed.settings.seal_signer, patience=0)
    assert (proof.sealed, proof.seals, proof.checkpoints, proof.transfers) == (True, 3, 1, 9)


CHANGES = {
    "amount": "UPDATE transfers SET amount = amount + 1 WHERE account_id = 'acct_1' AND position = 2",
    "balance": "UPDATE transfers SET balance_after = 5 WHERE account_id = 'acct_1' AND position = 2",
    "text": "UPDATE transfers SET description = 'x' WHERE account_id = 'acct_1' AND position = 2",
    "time": "UPDATE transfers SET created_at = created_at + interval '1 us' WHERE account_id = 'acct_1'",
    "null": "UPDATE transfers SET reference = '' WHERE account_id = 'acct_1' AND position = 2",
    "owner": "UPDATE transfers SET account_id = 'acct_0', position = 9 WHERE account_id = 'acct_1' AND position = 2",
    "deleted": "DELETE FROM transfers WHERE account_id = 'acct_1' AND position = 2",
    "all deleted": "DELETE FROM transfers WHERE account_id = 'acct_1'",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_or_deleted_transfer_is_found(sealed: Any, owner: Any, change: str) -> None:
    await owner.execute(CHANGES[change])
    assert await differences(sealed) == [("seal_root", 2)]


async def test_a_transfer_put_in_under_the_watermark_is_found(sealed: Any, owner: Any) -> None:
    await owner.execute(
        """
        INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, description, created_at, xid)
        SELECT account_id, uuidv7(), kind, amount, balance_after, 50, description, created_at, xid
        FROM transfers WHERE account_id = 'acct_1' AND position = 1
        """
    )
    assert await differences(sealed) == [("seal_root", 2)]


async def test_a_transfer_moved_past_the_watermark_is_missed_where_it_was(sealed: Any, owner: Any) -> None:
    await owner.execute("UPDATE transfers SET xid = pg_current_xact_id() WHERE account_id = 'acct_1'")
    assert await differences(sealed) == [("seal_root", 2), ("unsealed", 3)]


async def test_a_seal_rewritten_to_fit_breaks_the_chain_and_its_checkpoint(sealed: Any, owner: Any) -> None:
    await owner.execute("DELETE FROM transfers WHERE account_id = 'acct_1' AND position = 3")
    await owner.execute("UPDATE seals SET root = sha256('anything'), leaves = 2 WHERE number = 2")
    assert await differences(sealed) == [("seal_root", 2), ("seal_chain", 2), ("checkpoint_root", 1)]


@pytest.mark.parametrize(
    "change", ["leaves = 4", "sealed_at = now() - interval '1 day'", "chain = sha256('anything')", "number = 7"]
)
async def test_a_changed_seal_is_found(sealed: Any, owner: Any, change: str) -> None:
    await owner.execute(f"UPDATE seals SET {change} WHERE number = 3")  # noqa: S608
    assert {what for what, _ in await differences(sealed)} & {"seal_chain"}


async def test_a_missing_seal_is_found(sealed: Any, owner: Any) -> None:
    await owner.execute("DELETE FROM seals WHERE number = 1")
    assert {what for what, _ in await differences(sealed)} == {"seal_root", "seal_chain", "checkpoint_root"}


@pytest.mark.parametrize(
    "change",
    [
        "signature = set_byte(signature, 5, get_byte(signature, 5) # 1)",
        "signed_at = signed_at - interval '1 day'",
        "statement = replace(statement, 'number: 1', 'number: 2')",
        "kid = 'another'",
        "number = 2",
        "first_seal = 2",
        "groups = sha256(groups)",
    ],
)
async def test_a_changed_checkpoint_is_found(sealed: Any, owner: Any, change: str) -> None:
    await owner.execute(f"UPDATE checkpoints SET {change}")  # noqa: S608
    assert [what for what, _ in await differences(sealed)] == ["checkpoint_signature"]


async def test_a_key_that_was_retired_is_still_believed_and_an_unknown_one_is_not(sealed: Any) -> None:
    old = sealed.settings.seal_signer
    retired = next(iter(old.public_keys.values()))
    assert await differences(sealed, signer(bytes(32), [retired])) == []
    assert await differences(sealed, signer(bytes(32))) == [("checkpoint_signature", 1)]


async def test_what_nobody_seals_is_told(sealed: Any) -> None:
    await post(sealed.database, charge("acct_1", 10))
    assert await differences(sealed) == [("unsealed", 3)]


async def test_verification_waits_for_the_sealer_of_what_was_just_posted(sealed: Any, billing_db: Database) -> None:
    await post(billing_db, charge("acct_1", 10))
    checking = asyncio.create_task(verify_seals(billing_db, sealed.settings.seal_signer, patience=20))
    await asyncio.wait([checking], timeout=0.1)
    assert not checking.done()
    await Sealer(sealed).seal()
    assert (await checking).sealed


async def test_progress_is_told(sealed: Any) -> None:
    told: list[int] = []
    await verify_seals(sealed.database, sealed.settings.seal_signer, patience=0, progress=told.append)
    assert told[-1] == 9
