"""The sealer on a real PostgreSQL: nothing committed is skipped or sealed twice, however late it commits."""

import asyncio
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.seal import merkle
from services.billing.domain.seal.checkpoint import Signer
from services.billing.store import checkpoints, seals, transfers
from services.billing.store.ledger_connection import ledger_snapshot, ledger_transaction
from services.billing.use_cases.sealing import LAG, ClusterIsYounger, Sealer, checkpoint_if_due
from services.billing.use_cases.verify_seals import verify_seals
from shared.db import Database
from tests.integration.billing_ledger.asking import charge, fresh
from tests.integration.billing_ledger.conftest import CLOCK
from tests.integration.billing_seal.conftest import Fund, post, seal_all


def transfer(account_id: str, position: int = 1) -> Transfer:
    return Transfer(account_id, fresh(), Kind.GRANT, 1, position, position, "Seen late")


async def test_a_posting_is_sealed_by_the_next_round(
    billing: Any, billing_db: Database, account_id: str, fund: Fund, signer: Signer
) -> None:
    await fund(account_id, 10_000)
    await post(billing_db, *(charge(account_id, 10) for _ in range(6)))
    await seal_all(billing)
    proof = await verify_seals(billing_db, signer, patience=0)
    assert (proof.sealed, proof.seals, proof.transfers) == (True, 1, 7)
    assert not await Sealer(billing).seal()
    assert (await verify_seals(billing_db, signer, patience=0)).seals == 1, "an idle round makes no seal"


async def test_a_sealer_at_rest_sees_the_next_transfer_and_a_seal_that_is_gone(
    billing: Any, billing_db: Database, owner: asyncpg.Connection, signer: Signer
) -> None:
    sealer = Sealer(billing)
    for number in range(3):
        async with ledger_transaction(billing_db) as ledger:
            await transfers.insert(ledger, [transfer(f"acct_{number}")], at=CLOCK.now())
        await sealer.seal()
        await sealer.seal()
    assert (await verify_seals(billing_db, signer, patience=0)).seals == 3
    await owner.execute("DELETE FROM seals WHERE number = 3")
    await sealer.seal()
    proof = await verify_seals(billing_db, signer, patience=0)
    assert (proof.sealed, proof.seals, proof.transfers) == (True, 3, 3)


async def test_what_commits_late_holds_back_what_began_after_it_and_is_sealed_with_it(
    billing: Any, billing_db: Database, signer: Signer
) -> None:
    """The guard is `xid < xmin`: without it the early one would be passed over for ever."""
    sealer = Sealer(billing)
    async with ledger_transaction(billing_db) as late:
        await transfers.insert(late, [transfer("acct_late")], at=CLOCK.now())
        async with ledger_transaction(billing_db) as early:
            await transfers.insert(early, [transfer("acct_early")], at=CLOCK.now())
        await sealer.seal()
        await sealer.seal()
        assert (await verify_seals(billing_db, signer, patience=0)).transfers == 0
        assert LAG._value.get() > 0
    await sealer.seal()
    assert LAG._value.get() == 0
    proof = await verify_seals(billing_db, signer, patience=0)
    assert (proof.sealed, proof.transfers) == (True, 2)


async def test_under_slow_commits_and_two_sealers_each_transfer_is_sealed_once(
    billing: Any, billing_db: Database, signer: Signer
) -> None:
    ended = asyncio.Event()

    async def posts(number: int) -> None:
        for position in range(1, 11):
            async with ledger_transaction(billing_db) as ledger:
                rows = [transfer(f"acct_{number}_{part}", position) for part in range(random.randint(1, 5))]
                await transfers.insert(ledger, rows, at=CLOCK.now())
                await ledger.execute("SELECT pg_sleep($1)", random.random() / 50)

    async def seals_on() -> None:
        sealer = Sealer(billing)
        while not ended.is_set():
            await sealer.seal()

    sealing = [asyncio.create_task(seals_on()) for _ in range(2)]
    await asyncio.gather(*(posts(number) for number in range(6)))
    ended.set()
    await asyncio.gather(*sealing)
    await seal_all(billing)
    proof = await verify_seals(billing_db, signer, patience=0)
    async with ledger_snapshot(billing_db) as ledger:
        sealed, there = await ledger.fetchrow(
            "SELECT (SELECT sum(leaves) FROM seals), (SELECT count(*) FROM transfers)"
        )
    assert sealed == there == proof.transfers
    assert proof.sealed, proof
    assert proof.seals > 5


async def test_a_transaction_larger_than_a_seal_is_cut(
    billing: Any, billing_db: Database, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.billing.use_cases.sealing.MOST_LEAVES", 16)
    async with ledger_transaction(billing_db) as ledger:
        rows = [transfer(f"acct_{n % 7}", n // 7 + 1) for n in range(100)]
        await transfers.insert(ledger, rows, at=CLOCK.now())
    monkeypatch.setattr("services.billing.use_cases.sealing._SUBTREE", 4)
    await seal_all(billing)
    proof = await verify_seals(billing_db, signer, patience=0)
    assert (proof.sealed, proof.seals, proof.transfers) == (True, 7, 100)


async def test_one_seals_at_a_time(billing: Any, billing_db: Database) -> None:
    async with ledger_transaction(billing_db) as ledger:
        await transfers.insert(ledger, [transfer("acct_1")], at=CLOCK.now())
    async with ledger_transaction(billing_db) as ledger:
        assert await seals.take_turn(ledger)
        assert not await Sealer(billing).seal()
        assert await seals.newest(ledger) is seals.GENESIS
    await Sealer(billing).seal()
    async with ledger_transaction(billing_db) as ledger:
        assert (await seals.newest(ledger)).number == 1


async def test_while_the_database_is_away_sealing_goes_on_trying(billing: Any) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/nothing")
    sealer = Sealer(SimpleNamespace(**{**vars(billing), "database": gone}))  # type: ignore[arg-type]
    assert not await sealer.seal()
    assert not await sealer.seal()
    assert LAG._value.get() > 0
    await gone.close()


async def test_a_schema_restored_into_a_younger_server_is_not_sealed_on(
    billing: Any, billing_db: Database, owner: Any
) -> None:
    async with ledger_transaction(billing_db) as ledger:
        await transfers.insert(ledger, [transfer("acct_1")], at=CLOCK.now())
    await seal_all(billing)
    await owner.execute("UPDATE seals SET last_xid = '1000000000'")
    with pytest.raises(ClusterIsYounger, match="Backups"):
        await Sealer(billing).seal()


async def test_checkpoints_sign_the_root_of_all_seals_since_the_last(
    billing: Any, billing_db: Database, later: Callable[..., Any], signer: Signer
) -> None:
    await checkpoint_if_due(later(5))
    for number in range(5):
        async with ledger_transaction(billing_db) as ledger:
            await transfers.insert(ledger, [transfer(f"acct_{number}")], at=CLOCK.now())
        await seal_all(billing)
        await checkpoint_if_due(later(0 if number < 2 else number))
    await checkpoint_if_due(later(60))
    async with ledger_snapshot(billing_db) as ledger:
        kept = [checkpoint async for checkpoint in checkpoints.stream(ledger)]
        roots = await seals.roots(ledger, 1, 5)
    assert [(each.first_seal, each.last_seal) for each in kept] == [(1, 3), (4, 4), (5, 5)]
    assert kept[0].root == merkle.root(roots[:3])
    assert f"previous: {kept[0].root.hex()}\n" in kept[1].statement
    proof = await verify_seals(billing_db, signer, patience=0)
    assert (proof.sealed, proof.checkpoints) == (True, 3)


@pytest.mark.parametrize("verb", ["UPDATE seals SET leaves = 1", "DELETE FROM seals", "DELETE FROM checkpoints"])
async def test_the_service_itself_can_change_no_seal(billing_db: Database, verb: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with ledger_transaction(billing_db) as ledger:
            await ledger.execute(verb)
