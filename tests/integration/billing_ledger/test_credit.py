"""Credits that come and go inside a payment's own transaction, and the proof of the book."""

import asyncio
from typing import Any

import asyncpg
import pytest

from services.billing.domain.ledger.items import Verdict
from services.billing.domain.ledger.posting import CannotDebit, TransferIdTaken
from services.billing.use_cases.ledger_months import make_months_ahead
from services.billing.use_cases.post_credit import (
    PostedCredit,
    lock_wallet,
    post_debit,
    post_grant,
    post_purchase,
    post_refund,
)
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.db import Database
from tests.integration.billing_ledger.asking import capture, charge, fresh, hold
from tests.integration.billing_ledger.conftest import CLOCK, Fund, ReadWallet
from tests.support.databases import TestDatabase


def order(account_id: str, millicredits: int, **more: Any) -> dict[str, Any]:
    now = CLOCK.real_now()
    values = {"account_id": account_id, "transfer_id": fresh(), "millicredits": millicredits, "description": "Test"}
    return {**values, "at": now, "real_now": now, **more}


async def refund(database: Database, account_id: str, millicredits: int) -> PostedCredit:
    async with database.transaction() as connection:
        return await post_refund(connection, **order(account_id, millicredits, reference="pay_1", purchase_id=None))


async def test_one_payment_gives_its_credits_once_whatever_its_transfers_ids(
    billing_db: Database, account_id: str, wallet_of: ReadWallet
) -> None:
    async def credit() -> bool:
        async with billing_db.transaction() as connection:
            posted = await post_purchase(connection, **order(account_id, 5_000_000, reference="pay_1"))
            return posted.moved

    assert sorted(await asyncio.gather(*(credit() for _ in range(10)))) == [False] * 9 + [True]
    assert (await wallet_of(account_id)).balance == 5_000_000
    assert (await verify_ledger(billing_db)).balanced


async def test_a_payments_transaction_that_rolls_back_takes_its_credits_with_it(
    billing_db: Database, account_id: str, wallet_of: ReadWallet
) -> None:
    with pytest.raises(RuntimeError):
        async with billing_db.transaction() as connection:
            await post_purchase(connection, **order(account_id, 5_000_000, reference="pay_1"))
            raise RuntimeError("the payment's row could not be saved")
    assert (await wallet_of(account_id)).balance == 0


async def test_a_transfers_id_with_other_content_is_refused(billing_db: Database, account_id: str) -> None:
    first = order(account_id, 1_000, expires_at=None)
    async with billing_db.transaction() as connection:
        assert (await post_grant(connection, **first)).moved
    async with billing_db.transaction() as connection:
        assert not (await post_grant(connection, **first)).moved
    with pytest.raises(TransferIdTaken):
        async with billing_db.transaction() as connection:
            await post_grant(connection, **first | {"millicredits": 2_000})


async def test_the_wallets_lock_puts_payments_and_calls_in_a_row(
    billing_db: Database, account_id: str, fund: Fund
) -> None:
    await fund(account_id, 1_000)
    async with billing_db.transaction() as connection:
        await lock_wallet(connection, account_id, at=CLOCK.now())
        waiting = asyncio.create_task(post_items(billing_db, CLOCK, [charge(account_id, 1_000)]))
        await post_purchase(connection, **order(account_id, 500, reference="pay_2"))
        assert not waiting.done()
    assert (await waiting)[0].available == 500


async def test_a_debit_takes_no_more_than_is_available(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    await post_items(billing_db, CLOCK, [hold(account_id, 4_000)])
    with pytest.raises(CannotDebit):
        async with billing_db.transaction() as connection:
            await post_debit(connection, **order(account_id, 6_001))
    async with billing_db.transaction() as connection:
        await post_debit(connection, **order(account_id, 6_000))
    assert (await wallet_of(account_id)).available == 0


async def test_a_refund_may_overdraw_which_freezes_and_a_purchase_thaws(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    running = hold(account_id, 8_000)
    await post_items(billing_db, CLOCK, [running])
    await refund(billing_db, account_id, 9_000)
    captured = (await post_items(billing_db, CLOCK, [charge(account_id, 1), capture(running, 8_000)]))[1]
    assert captured.charged == 1_000, "a capture spends: it takes no wallet under zero"
    await refund(billing_db, account_id, 500)
    frozen = (await post_items(billing_db, CLOCK, [charge(account_id, 1)]))[0]
    assert (frozen.verdict, frozen.reason) == (Verdict.ACCOUNT_FROZEN, "negative_balance")
    assert (await wallet_of(account_id)).balance == -500
    pool = await billing_db.asyncpg_pool()
    said = await pool.fetchval("SELECT frozen_reason FROM wallets WHERE account_id = $1", account_id)
    assert said == "negative_balance"
    await fund(account_id, 600)
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.overdrawn) == (100, False)
    assert (await post_items(billing_db, CLOCK, [charge(account_id, 100)]))[0].verdict is Verdict.POSTED
    assert (await verify_ledger(billing_db)).balanced


async def test_holds_that_a_refund_undermined_are_captured_one_after_the_other(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 2_000)
    first, second = hold(account_id, 1_000), hold(account_id, 1_000)
    await post_items(billing_db, CLOCK, [first, second])
    await refund(billing_db, account_id, 1_000)
    assert (await post_items(billing_db, CLOCK, [capture(first, 1_000)]))[0].charged == 1_000
    assert (await post_items(billing_db, CLOCK, [capture(second, 1_000)]))[0].charged == 0
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held, wallet.overdrawn) == (0, 0, False)


async def test_an_open_dispute_freezes(billing_db: Database, account_id: str, fund: Fund) -> None:
    await fund(account_id, 10_000)
    pool = await billing_db.asyncpg_pool()
    await pool.execute("UPDATE wallets SET open_disputes = 1 WHERE account_id = $1", account_id)
    result = (await post_items(billing_db, CLOCK, [charge(account_id, 1)]))[0]
    assert (result.verdict, result.reason) == (Verdict.ACCOUNT_FROZEN, "dispute")


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE billing.wallets SET balance = balance + 1", {"balance"}),
        ("UPDATE billing.wallets SET held = 1", {"held"}),
        ("UPDATE billing.wallets SET open_disputes = 1", {"open_disputes"}),
        ("UPDATE billing.transfers SET amount = amount + 1 WHERE position = 1", {"balance_after", "balance"}),
        ("UPDATE billing.transfers SET balance_after = 0 WHERE position = 1", {"balance_after"}),
        ("DELETE FROM billing.transfers WHERE position = 1", {"balance_after", "balance", "position"}),
        ("DELETE FROM billing.transfers", {"balance", "position"}),
        ("DELETE FROM billing.wallets", {"wallet_missing"}),
    ],
)
async def test_whoever_rewrites_the_book_is_found_out(
    *, billing_db: Database, database: TestDatabase, account_id: str, fund: Fund, tampering: str, found: set[str]
) -> None:
    await fund(account_id, 10_000)
    await post_items(billing_db, CLOCK, [charge(account_id, 1_000)])
    assert (await verify_ledger(billing_db)).balanced
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(tampering)
    finally:
        await owner.close()
    proof = await verify_ledger(billing_db)
    assert not proof.balanced
    assert {difference.what for difference in proof.differences} == found


async def test_months_are_made_by_a_role_that_can_make_nothing_else(service: Any, billing_db: Database) -> None:
    assert not await make_months_ahead(service)
    pool = await billing_db.asyncpg_pool()
    months = await pool.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'transfers'::regclass")
    assert months == 6
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("CREATE TABLE transfers_2099_01 PARTITION OF transfers DEFAULT")
