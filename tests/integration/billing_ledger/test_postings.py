"""Batches of items on a real PostgreSQL: exact under concurrency, once under repetition."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import asyncpg
import pytest

from services.billing.domain.ledger.items import Item, Result, Verdict
from services.billing.store import usage_records
from services.billing.store.ledger_connection import ledger_transaction
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.posting.poster import Poster
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.clock import Clock
from shared.db import Database
from shared.errors import DomainError
from tests.integration.billing_ledger.asking import capture, charge, fresh, hold, release, reverse
from tests.integration.billing_ledger.conftest import CLOCK, Fund, ReadWallet
from tests.support.databases import TestDatabase

P = Verdict.POSTED


@pytest.fixture(autouse=True, params=["exactly", "group commit"])
async def _posters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Every story here holds on the exact way and by group commit, with a poster for each pool."""
    posters: dict[Database, Poster] = {}

    async def by_group_commit(database: Database, clock: Clock, batch: Sequence[Item]) -> Sequence[Result]:
        poster = posters.setdefault(database, Poster(database, clock))
        return await poster.post(batch)

    if request.param == "group commit":
        monkeypatch.setattr(f"{__name__}.post_items", by_group_commit)
    yield
    for poster in posters.values():
        await poster.close()


async def post(database: Database, *batch: Item) -> Sequence[Result]:
    return await post_items(database, CLOCK, batch)


async def verdicts(database: Database, *batch: Item) -> list[Verdict]:
    return [result.verdict for result in await post(database, *batch)]


async def check_balanced(database: Database) -> None:
    proof = await verify_ledger(database)
    assert proof.balanced, proof


async def test_fifty_parallel_charges_on_five_thousand_credits_give_twenty(
    billing_db: Database, database: TestDatabase, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 5_000_000)
    other = database.open("billing")
    try:
        charges = [charge(account_id, 250_000) for _ in range(50)]
        answers = await asyncio.gather(*(post(billing_db if n % 2 else other, item) for n, item in enumerate(charges)))
    finally:
        await other.close()
    posted = [answer[0] for answer in answers if answer[0].verdict is P]
    assert len(posted) == 20
    assert {answer[0].verdict for answer in answers} == {P, Verdict.INSUFFICIENT_CREDITS}
    assert sorted(result.available for result in posted) == [n * 250_000 for n in range(20)]
    assert (await wallet_of(account_id)).balance == 0
    await check_balanced(billing_db)


async def test_two_pools_with_crossing_batches_stay_exact_and_never_deadlock(
    billing_db: Database, database: TestDatabase, fund: Fund, wallet_of: ReadWallet
) -> None:
    accounts = [f"acct_{n}" for n in range(6)]
    for account in accounts:
        await fund(account, 20_000)
    other = database.open("billing")
    try:
        batches = [
            [charge(account, 1_000) for account in (accounts if n % 2 else reversed(accounts))] for n in range(30)
        ]
        answers = await asyncio.gather(
            *(post(billing_db if n % 3 else other, *batch) for n, batch in enumerate(batches))
        )
    finally:
        await other.close()
    assert sum(result.verdict is P for answer in answers for result in answer) == 6 * 20
    assert [(await wallet_of(account)).balance for account in accounts] == [0] * 6
    await check_balanced(billing_db)


async def test_one_charge_sent_by_many_at_once_is_posted_once(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    item = charge(account_id, 4_000)
    answers = await asyncio.gather(*(post(billing_db, item) for _ in range(20)))
    assert {(answer[0].verdict, answer[0].charged) for answer in answers} == {(P, 4_000)}
    assert (await wallet_of(account_id)).balance == 6_000
    await check_balanced(billing_db)


async def test_a_known_charge_is_posted_again_on_a_wallet_that_ran_dry(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 4_000)
    item = charge(account_id, 4_000)
    assert await verdicts(billing_db, item) == [P]
    assert await verdicts(billing_db, item, charge(account_id, 1)) == [P, Verdict.INSUFFICIENT_CREDITS]
    assert (await wallet_of(account_id)).balance == 0


async def test_a_batch_that_meets_a_known_id_is_undone_and_decided_again(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    known = charge(account_id, 1_000)
    await post(billing_db, known)
    fresh_one = charge(account_id, 2_000)
    results = await post(billing_db, fresh_one, known, fresh_one, charge(account_id, 8_000))
    assert [result.verdict for result in results] == [P, P, P, Verdict.INSUFFICIENT_CREDITS]
    assert [result.available for result in results] == [7_000] * 4
    assert (await wallet_of(account_id)).last_position == 3
    await check_balanced(billing_db)


async def test_an_id_with_other_content_is_a_conflict(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    item = charge(account_id, 1_000)
    await post(billing_db, item)
    assert await verdicts(billing_db, charge(account_id, 2_000, id=item.id)) == [Verdict.ID_CONFLICT]
    assert await verdicts(billing_db, charge(account_id, 1_000, id=item.id)) == [Verdict.ID_CONFLICT]
    held = hold(account_id, 500)
    assert await verdicts(billing_db, held, capture(held, 500, id=item.id)) == [P, Verdict.ID_CONFLICT]
    assert await verdicts(billing_db, charge("acct_other", 0, id=item.id)) == [P]
    assert (await wallet_of(account_id)).balance == 9_000


async def test_ids_of_other_times_are_refused(billing_db: Database, account_id: str, fund: Fund) -> None:
    await fund(account_id, 10_000)
    now = CLOCK.real_now()
    ages = (timedelta(days=-36), timedelta(hours=3), timedelta(days=-34), timedelta(hours=1))
    batch = [charge(account_id, 1, id=fresh(now + age)) for age in ages]
    assert await verdicts(billing_db, *batch) == [Verdict.ID_REFUSED, Verdict.ID_REFUSED, P, P]


async def test_an_account_without_wallet_has_insufficient_credits(billing_db: Database) -> None:
    results = await post(billing_db, charge("acct_nobody", 1), hold("acct_nobody", 1))
    assert {result.verdict for result in results} == {Verdict.INSUFFICIENT_CREDITS}


async def test_a_charge_is_reversed_once(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    item = charge(account_id, 3_000)
    await post(billing_db, item)
    first = reverse(item)
    answers = await asyncio.gather(*(post(billing_db, first) for _ in range(5)))
    assert {answer[0].verdict for answer in answers} == {P}
    assert await verdicts(billing_db, reverse(item)) == [Verdict.REVERSED]
    assert await verdicts(billing_db, item) == [Verdict.REVERSED]
    assert (await wallet_of(account_id)).balance == 10_000
    async with ledger_transaction(billing_db) as ledger:
        record = await usage_records.find(ledger, account_id, item.call.request_id)
    assert record is not None and (record.credits, record.outcome) == (0, "upstream_failed")
    await check_balanced(billing_db)


async def test_a_purchase_is_not_reversible_as_a_charge(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    posted = await fund(account_id, 10_000)
    item = charge(account_id, 10_000, id=posted.transfer.id)
    assert await verdicts(billing_db, reverse(item)) == [Verdict.ID_CONFLICT]
    assert (await wallet_of(account_id)).balance == 10_000


@pytest.mark.parametrize("funded", [True, False])
async def test_a_charge_that_arrives_after_its_reversal_is_refused(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet, funded: bool
) -> None:
    if funded:
        await fund(account_id, 10_000)
    late = charge(account_id, 3_000)
    undo = reverse(late)
    assert await verdicts(billing_db, undo) == [P]
    assert await verdicts(billing_db, undo) == [P]
    assert await verdicts(billing_db, late) == [Verdict.REVERSED]
    assert (await wallet_of(account_id)).balance == (10_000 if funded else 0)
    await check_balanced(billing_db)


async def test_a_hold_keeps_and_a_capture_takes_what_it_did_cost(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    first, second = hold(account_id, 8_000), hold(account_id, 8_000)
    results = await post(billing_db, first, second, hold(account_id, 1), charge(account_id, 1))
    assert [(result.verdict, result.held) for result in results[:2]] == [(P, 8_000), (P, 2_000)]
    assert {result.verdict for result in results[2:]} == {Verdict.INSUFFICIENT_CREDITS}
    taken = capture(first, 3_000, tokens=3_000)
    result = (await post(billing_db, taken))[0]
    assert (result.verdict, result.charged, result.available, result.balance) == (P, 3_000, 5_000, 7_000)
    assert (await post(billing_db, taken))[0].charged == 3_000
    assert await verdicts(billing_db, capture(first, 3_000)) == [Verdict.ID_CONFLICT]
    more_than_held = (await post(billing_db, capture(second, 9_000)))[0]
    assert more_than_held.charged == 2_000
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held) == (5_000, 0)
    async with ledger_transaction(billing_db) as ledger:
        record = await usage_records.find(ledger, account_id, first.call.request_id)
    assert record is not None
    assert (record.held, record.credits, record.tokens, record.outcome) == (8_000, 3_000, 3_000, "delivered")
    await check_balanced(billing_db)


async def test_a_capture_of_nothing_closes_the_hold_without_a_transfer(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    held = hold(account_id, 8_000)
    assert await verdicts(billing_db, held, capture(held, 0)) == [P, P]
    wallet = await wallet_of(account_id)
    assert (wallet.balance, wallet.held, wallet.last_position) == (10_000, 0, 1)


async def test_a_released_hold_can_be_captured_no_more_and_an_unknown_one_never_comes(
    billing_db: Database, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 10_000)
    held, late = hold(account_id, 8_000), hold(account_id, 1_000)
    assert await verdicts(billing_db, held, release(held), release(late)) == [P, P, P]
    assert await verdicts(billing_db, capture(held, 1), late, capture(late, 1), release(held)) == [
        Verdict.HOLD_LAPSED, Verdict.HOLD_LAPSED, Verdict.HOLD_LAPSED, P,
    ]  # fmt: skip
    assert await verdicts(billing_db, capture(hold(account_id, 1), 1)) == [Verdict.NOT_FOUND]
    assert (await wallet_of(account_id)).available == 10_000


async def test_services_role_may_not_rewrite_the_book(billing_db: Database, account_id: str, fund: Fund) -> None:
    await fund(account_id, 1_000)
    pool = await billing_db.asyncpg_pool()
    for statement in (
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "TRUNCATE transfers",
        "UPDATE reversals SET amount = 1",
        "DELETE FROM wallets",
        "UPDATE wallets SET account_id = 'acct_thief'",
        "DELETE FROM credit_grants",
        "UPDATE credit_grants SET amount = 1",
        "CREATE TABLE mine (id integer)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_database_itself_refuses_an_overspent_wallet_and_charge(
    billing_db: Database, account_id: str, fund: Fund
) -> None:
    await fund(account_id, 1_000)
    pool = await billing_db.asyncpg_pool()
    with pytest.raises(asyncpg.CheckViolationError, match="wallet_is_not_overspent"):
        await pool.execute("UPDATE wallets SET balance = -1")
    with pytest.raises(asyncpg.CheckViolationError, match="wallet_is_not_overspent"):
        await pool.execute("UPDATE wallets SET held = 1001")
    with pytest.raises(asyncpg.CheckViolationError, match="wallet_holds_nothing_negative"):
        await pool.execute("UPDATE wallets SET held = -1")
    insert = (
        "INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, description, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, '', now())"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="spends_no_more"):
        await pool.execute(insert, account_id, fresh(), "charge", 1_001, -1, 2)
    with pytest.raises(asyncpg.CheckViolationError, match="moves_something"):
        await pool.execute(insert, account_id, fresh(), "charge", -5, 1_005, 2)
    with pytest.raises(asyncpg.CheckViolationError, match="is_of_a_kind"):
        await pool.execute(insert, account_id, fresh(), "gift", 5, 1_005, 2)
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(insert, account_id, fresh(), "charge", 5, 995, 1)


async def test_a_wallet_locked_for_long_harms_nobody_else_in_its_batch(
    billing_db: Database, database: TestDatabase, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 1_000)
    await fund("acct_free", 1_000)
    locked, free = charge(account_id, 100), charge("acct_free", 100)
    undo = reverse(charge(account_id, 100))
    holder = await asyncpg.connect(database.url_of("billing"))
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM wallets WHERE account_id = $1 FOR UPDATE", account_id)
            assert await verdicts(billing_db, locked, free, locked) == [Verdict.BUSY, P, Verdict.BUSY]
            with pytest.raises(DomainError, match="service_unavailable"):
                await post(billing_db, free, undo)
    finally:
        await holder.close()
    assert await verdicts(billing_db, free, undo, locked) == [P, P, P]
    assert ((await wallet_of(account_id)).balance, (await wallet_of("acct_free")).balance) == (900, 900)
    await check_balanced(billing_db)
