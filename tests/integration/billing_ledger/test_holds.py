"""Holds that lapse: refused at once, swept soon, and swept once."""

import asyncio
from typing import Any

import asyncpg

from services.billing.domain.ledger.items import Verdict
from services.billing.store import transfers, usage_records
from services.billing.store.ledger_connection import ledger_transaction
from services.billing.use_cases.hold_sweep import sweep
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.db import Database
from tests.integration.billing_ledger.asking import capture, charge, hold, progress, release
from tests.integration.billing_ledger.conftest import CLOCK, Fund, ReadWallet
from tests.support.databases import TestDatabase
from tests.support.http import eventually


async def until_lapsed(database: Database) -> None:
    pool = await database.asyncpg_pool()

    async def all_lapsed() -> bool:
        left = "SELECT count(*) FROM holds WHERE state = 'open' AND expires_at > clock_timestamp()"
        return bool(await pool.fetchval(left) == 0)

    await eventually(all_lapsed)


async def test_a_lapsed_hold_is_refused_before_the_sweep_has_been_there(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    held = hold(account_id, 8_000, lasts_ms=1)
    await post_items(billing_db, CLOCK, [held])
    await until_lapsed(billing_db)
    results = await post_items(billing_db, CLOCK, [capture(held, 100), held, charge(account_id, 3_000)])
    assert [result.verdict for result in results] == [
        Verdict.HOLD_LAPSED, Verdict.HOLD_LAPSED, Verdict.INSUFFICIENT_CREDITS,
    ]  # fmt: skip
    assert (await wallet_of(account_id)).available == 2_000


async def test_sweeps_at_once_free_each_hold_once(
    service: Any, billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 100_000)
    await fund("acct_b", 100_000)
    lapsing = [hold(owner, 1_000, lasts_ms=1) for owner in (account_id, "acct_b") for _ in range(30)]
    lasting = hold(account_id, 5_000)
    await post_items(billing_db, CLOCK, [*lapsing, lasting])
    await until_others_lapsed(billing_db, 60)
    for _ in range(3):
        await asyncio.gather(*(sweep(service) for _ in range(4)))
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held) == (100_000, 5_000)
    assert (await wallet_of("acct_b")).held == 0
    assert (await verify_ledger(billing_db)).balanced
    results = await post_items(billing_db, CLOCK, [capture(lapsing[0], 1), release(lapsing[1])])
    assert [result.verdict for result in results] == [Verdict.HOLD_LAPSED, Verdict.POSTED]
    async with ledger_transaction(billing_db) as ledger:
        record = await usage_records.find(ledger, account_id, lapsing[0].call.request_id)
    assert record is not None and (record.credits, record.held, record.outcome) == (0, 1_000, "unknown")


async def until_others_lapsed(database: Database, count: int) -> None:
    pool = await database.asyncpg_pool()

    async def lapsed() -> bool:
        past = "SELECT count(*) FROM holds WHERE state = 'open' AND expires_at <= clock_timestamp()"
        return bool(await pool.fetchval(past) == count)

    await eventually(lapsed)


async def test_an_expired_hold_is_charged_what_its_call_had_cost_by_the_last_word_of_it(
    service: Any, billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    told, silent = hold(account_id, 4_000, lasts_ms=500), hold(account_id, 1_000, lasts_ms=500)
    said = [progress(told, amount, tokens=amount // 100) for amount in (700, 1_500, 900, 1_500)]
    results = await post_items(billing_db, CLOCK, [told, silent, *said, progress(hold(account_id, 1), 5)])
    assert [result.verdict for result in results] == [Verdict.POSTED] * 6 + [Verdict.NOT_FOUND]
    await until_lapsed(billing_db)
    late = await post_items(billing_db, CLOCK, [progress(told, 3_000), capture(told, 3_000)])
    assert [result.verdict for result in late] == [Verdict.HOLD_LAPSED] * 2
    await sweep(service)
    assert [r.verdict for r in await post_items(billing_db, CLOCK, [capture(told, 3_000)])] == [Verdict.HOLD_LAPSED]
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held, wallet.last_position) == (8_500, 0, 2)
    async with ledger_transaction(billing_db) as ledger:
        record = await usage_records.find(ledger, account_id, told.call.request_id)
        charge_of_hold = await transfers.posted_one(ledger, account_id, told.id)
    assert record is not None and charge_of_hold is not None and charge_of_hold.transfer.amount == 1_500
    assert (record.credits, record.held, record.tokens, record.outcome, record.flagged) == (
        1_500, 4_000, 15, "unknown", True,
    )  # fmt: skip
    assert (await verify_ledger(billing_db)).balanced


async def test_a_lapsed_hold_whose_id_another_transfer_has_is_freed_all_the_same(
    service: Any, billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    held = hold(account_id, 4_000, lasts_ms=300)
    await post_items(billing_db, CLOCK, [held, progress(held, 1_000), charge(account_id, 5, id=held.id)])
    await until_lapsed(billing_db)
    await sweep(service)
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held) == (9_995, 0)


async def test_a_locked_wallet_does_not_keep_the_sweep_from_others(
    *, service: Any, billing_db: Database, database: TestDatabase, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 1_000)
    await fund("acct_b", 1_000)
    await post_items(billing_db, CLOCK, [hold(owner, 500, lasts_ms=1) for owner in (account_id, "acct_b")])
    await until_lapsed(billing_db)
    holder = await asyncpg.connect(database.url_of("billing"))
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM wallets WHERE account_id = $1 FOR UPDATE", account_id)
            assert await sweep(service), "there is more to do"
            assert (await wallet_of("acct_b")).held == 0
    finally:
        await holder.close()
    await sweep(service)
    assert (await wallet_of(account_id)).held == 0


async def test_captures_racing_the_sweep_charge_or_lapse_and_never_both(
    service: Any, billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 1_000_000)
    holds = [hold(account_id, 1_000, lasts_ms=30) for _ in range(60)]
    await post_items(billing_db, CLOCK, holds)

    async def capture_one(place: int) -> int:
        await asyncio.sleep(place / 1_000)
        result = (await post_items(billing_db, CLOCK, [capture(holds[place], 700)]))[0]
        assert result.verdict in (Verdict.POSTED, Verdict.HOLD_LAPSED)
        return result.charged

    async def sweeps() -> None:
        for _ in range(30):
            await sweep(service)
            await asyncio.sleep(0.002)

    *charged, _ = await asyncio.gather(*(capture_one(place) for place in range(60)), sweeps())
    await until_lapsed(billing_db)
    await sweep(service)
    wallet = await wallet_of(account_id)
    assert (wallet.held, wallet.balance) == (0, 1_000_000 - sum(value or 0 for value in charged))
    assert (await verify_ledger(billing_db)).balanced
