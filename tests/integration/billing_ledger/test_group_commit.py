"""Group commit: several posters stay exact on one database, nobody starves, and what is late or too much is said so."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.billing.domain.ledger.items import Capture, Charge, Hold, Item, Result, Reverse, Verdict
from services.billing.store.swift_postings import SwiftConnection
from services.billing.use_cases import post_items
from services.billing.use_cases.post_credit import post_grant
from services.billing.use_cases.posting import exactly, lane, refusals
from services.billing.use_cases.posting import poster as poster_module
from services.billing.use_cases.posting.poster import Poster
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.clock import SystemClock
from shared.db import Database
from shared.errors import DomainError
from tests.integration.billing_ledger.asking import capture, charge, fresh, hold, progress, release, reverse
from tests.integration.billing_ledger.conftest import CLOCK, Fund, ReadWallet
from tests.support.databases import TestDatabase
from tests.support.http import eventually

P = Verdict.POSTED


@pytest.fixture
async def other(database: TestDatabase) -> AsyncIterator[Poster]:
    """Another process's: its own pool and connections."""
    pool = database.open("billing")
    opened = Poster(pool, CLOCK)
    yield opened
    await opened.close()
    await pool.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many wallets each single statement was for."""
    seen: list[int] = []
    post = SwiftConnection.post

    async def counted(self: SwiftConnection, wallets: Any, *args: Any, **more: Any) -> Any:
        seen.append(len(wallets))
        return await post(self, wallets, *args, **more)

    monkeypatch.setattr(SwiftConnection, "post", counted)
    return seen


class Book:
    """What the verdicts say that an account has."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.posted = 0

    def take(self, item: Item, result: Result) -> None:
        self.posted += result.verdict is P
        self.spent[item.account_id] += result.charged


async def _customer(posters: list[Poster], account_id: str, book: Book, dice: random.Random) -> None:
    """Calls of both prices, one after the other: charged, perhaps given back; held, told of, captured or released."""
    for _ in range(25):
        poster = dice.choice(posters)
        first: Charge | Hold = charge(account_id, dice.randint(0, 900))
        if dice.random() < 0.5:
            first = hold(account_id, dice.randint(1, 2_000))
        [result] = await poster.post([first])
        book.take(first, result)
        assert result.available >= 0 and result.verdict in (P, Verdict.INSUFFICIENT_CREDITS)
        if result.verdict is P:
            await _ending(dice.choice(posters), first, result, book, dice)


async def _ending(poster: Poster, first: Charge | Hold, result: Result, book: Book, dice: random.Random) -> None:
    last: Reverse | Capture
    if isinstance(first, Charge):
        if dice.random() < 0.7:
            return
        last = reverse(first)
        book.spent[first.account_id] -= first.amount
    else:
        await poster.post([progress(first, dice.randint(0, 500))])
        last = capture(first, dice.randint(0, 2_500))
    sent = [last, last] if dice.random() < 0.2 else [last]
    answers = await poster.post(sent)
    assert {answer.verdict for answer in answers} == {P}, "the same item again has the same verdict"
    book.take(last, answers[0])


async def test_two_posters_on_one_database_stay_exact(
    *, poster: Poster, other: Poster, billing_db: Database, fund: Fund, wallet_of: ReadWallet
) -> None:
    accounts, book, dice = [f"acct_{n}" for n in range(5)], Book(), random.Random(4)
    for account_id in accounts:
        await fund(account_id, 30_000)
    await asyncio.gather(
        *(_customer([poster, other], dice.choice(accounts[:2] if n % 2 else accounts), book, dice) for n in range(24))
    )
    for account_id in accounts:
        wallet = await wallet_of(account_id)
        assert (wallet.balance, wallet.held) == (30_000 - book.spent[account_id], 0)
    assert book.posted > 300
    pool = await billing_db.asyncpg_pool()
    assert await pool.fetchval("SELECT min(balance_after) FROM transfers") >= 0
    spent = await pool.fetchval(
        "SELECT sum(CASE kind WHEN 'charge' THEN amount WHEN 'reversal' THEN -amount END) FROM transfers"
    )
    assert spent == sum(book.spent.values()) == await pool.fetchval("SELECT sum(credits) FROM usage_records")
    proof = await verify_ledger(billing_db)
    assert proof.balanced, proof


async def test_what_a_known_id_undoes_is_decided_exactly_with_its_neighbours(
    poster: Poster, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 9_000)
    known = charge(account_id, 1_000)
    await poster.post([known])
    answers = await poster.post([charge(account_id, 1_000), known, charge(account_id, 1_000)])
    assert [answer.verdict for answer in answers] == [P, P, P]
    assert (await wallet_of(account_id)).balance == 6_000


async def test_what_waits_together_is_one_statement_and_the_tenth_is_refused_when_nine_are_covered(
    poster: Poster, statements: list[int], account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 9_000)
    answers = await asyncio.gather(*(poster.post([charge(account_id, 1_000)]) for _ in range(9)))
    assert [answer[0].available for answer in answers] == [n * 1_000 for n in range(8, -1, -1)]
    assert statements == [1]
    await fund(account_id, 9_000)
    answers = await asyncio.gather(*(poster.post([charge(account_id, 1_000)]) for _ in range(10)))
    assert [answer[0].verdict for answer in answers] == [P] * 9 + [Verdict.INSUFFICIENT_CREDITS]
    assert (await wallet_of(account_id)).balance == 0


@pytest.fixture
def never_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes the exact way fails."""
    monkeypatch.setattr(exactly, "post_each", None)


@pytest.mark.usefixtures("never_exactly")
async def test_who_can_pay_for_nothing_is_refused_without_a_lock_and_beside_who_pays(
    *, poster: Poster, statements: list[int], database: TestDatabase, fund: Fund
) -> None:
    await fund("acct_dry", 99)
    await fund("acct_rich", 10_000)
    no = Verdict.INSUFFICIENT_CREDITS
    [first] = await poster.post([charge("acct_dry", 100)])
    assert (first.verdict, first.available, first.balance) == (no, 99, 99) and statements == [1]
    never_funded = await poster.post([charge("acct_none", 1), hold("acct_none", 1)])
    assert [(result.verdict, result.balance) for result in never_funded] == [(no, 0)] * 2
    holder = await asyncpg.connect(database.url_of("billing"))
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM wallets WHERE account_id = 'acct_dry' FOR UPDATE")
        items: list[Item] = [charge("acct_dry", 100), charge("acct_rich", 100), hold("acct_dry", 500, at_least=100)]
        refused, paid, unheld = await poster.post(items)
    await holder.close()
    assert [result.verdict for result in (refused, paid, unheld)] == [no, P, no]
    assert statements == [1, 1, 1], "the refused account is in no batch any more"


async def test_who_was_refused_pays_when_there_is_enough_and_is_not_looked_at_any_more(
    poster: Poster, statements: list[int], account_id: str, fund: Fund
) -> None:
    await fund(account_id, 1)
    assert (await poster.post([charge(account_id, 1_000)]))[0].verdict is Verdict.INSUFFICIENT_CREDITS
    await fund(account_id, 2_000)
    first, last = [(await poster.post([charge(account_id, 1_000)]))[0] for _ in range(2)]
    assert [(result.verdict, result.available) for result in (first, last)] == [(P, 1_001), (P, 1)]
    assert statements == [1, 1], "only the first after a refusal goes the exact way"


async def test_a_known_id_of_who_was_refused_keeps_its_verdict(poster: Poster, account_id: str, fund: Fund) -> None:
    await fund(account_id, 1_000)
    charged, held = charge(account_id, 500), hold(account_id, 500)
    knowns: list[Item] = [charged, held]
    await poster.post(knowns)
    for _ in range(2):
        assert (await poster.post([charge(account_id, 1)]))[0].verdict is Verdict.INSUFFICIENT_CREDITS
        for known in knowns:
            [again], [new] = await asyncio.gather(poster.post([known]), poster.post([charge(account_id, 1)]))
            assert (again.verdict, new.verdict) == (P, Verdict.INSUFFICIENT_CREDITS)
            assert (again.charged, again.held) == ((500, 0) if known is charged else (0, 500))


@pytest.mark.usefixtures("never_exactly")
async def test_a_frozen_account_is_told_so_at_once(
    poster: Poster, billing_db: Database, account_id: str, fund: Fund
) -> None:
    await fund(account_id, 1_000)
    pool = await billing_db.asyncpg_pool()
    await pool.execute("UPDATE wallets SET open_disputes = 1 WHERE account_id = $1", account_id)
    for _ in range(2):
        [result] = await poster.post([charge(account_id, 1)])
        assert (result.verdict, result.reason) == (Verdict.ACCOUNT_FROZEN, "dispute")


async def test_only_so_many_refused_accounts_are_remembered(
    poster: Poster, statements: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_REMEMBERED", 2)
    for account_id in ("acct_a", "acct_b", "acct_c", "acct_c", "acct_a"):
        assert (await poster.post([charge(account_id, 1)]))[0].verdict is Verdict.INSUFFICIENT_CREDITS
    assert statements == [1, 1, 1, 1]


async def test_both_ways_lock_several_accounts_in_one_order(
    *, poster: Poster, billing_db: Database, database: TestDatabase, fund: Fund, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches meet in the middle, each from its own end: in the order of ids one is behind the other."""
    monkeypatch.setattr(lane, "_LOCK_MS", 8_000)  # what would tell a ring is PostgreSQL, after a second
    monkeypatch.setattr(post_items, "_SHARED_LOCK_MS", 8_000)
    monkeypatch.setattr(exactly, "post_each", None)  # nothing is to be undone
    monkeypatch.setattr(post_items, "_post_apart", None)
    accounts = [f"acct_{n:02}" for n in range(9)]
    for account_id in reversed(accounts):
        await fund(account_id, 1_000)
    holder, watcher = [await asyncpg.connect(database.url_of("billing")) for _ in range(2)]
    async with holder.transaction():
        await holder.execute("SELECT 1 FROM wallets WHERE account_id = $1 FOR UPDATE", accounts[4])
        both = asyncio.gather(
            poster.post([charge(account_id, 10) for account_id in reversed(accounts)]),
            post_items.post_items(billing_db, CLOCK, [charge(account_id, 10) for account_id in accounts]),
        )

        async def both_wait() -> bool:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            return bool(await watcher.fetchval(waiting) == 2)

        await eventually(both_wait)
    await holder.close()
    await watcher.close()
    assert {result.verdict for answer in await both for result in answer} == {P}


async def test_items_of_one_account_are_decided_in_order_of_arrival(
    poster: Poster, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 1_000)
    taken, held = charge(account_id, 1_000), hold(account_id, 1_000)
    story: list[Item] = [
        taken,
        charge(account_id, 1),
        reverse(taken),
        held,
        charge(account_id, 1),
        release(held),
        charge(account_id, 1),
    ]
    answers = await asyncio.gather(*(poster.post([item]) for item in story))
    no = Verdict.INSUFFICIENT_CREDITS
    assert [answer[0].verdict for answer in answers] == [P, no, P, P, no, P, P]
    assert (await wallet_of(account_id)).balance == 999


async def test_a_wallet_that_somebody_has_locked_keeps_nobody_else(
    poster: Poster, database: TestDatabase, account_id: str, fund: Fund
) -> None:
    await fund(account_id, 1_000)
    await fund("acct_free", 1_000)
    holder = await asyncpg.connect(database.url_of("billing"))
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM wallets WHERE account_id = $1 FOR UPDATE", account_id)
            stuck = asyncio.create_task(poster.post([charge(account_id, 1)]))
            free = [(await poster.post([charge("acct_free", 1)]))[0].verdict for _ in range(20)]
            assert free == [P] * 20
            assert (await stuck)[0].verdict is Verdict.BUSY
    finally:
        await holder.close()
    assert (await poster.post([charge(account_id, 1)]))[0].verdict is P


async def test_a_charge_that_could_not_be_begun_in_time_is_busy_and_a_reversal_is_not_given_up(
    poster: Poster, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 1_000)
    taken = charge(account_id, 100)
    first = asyncio.create_task(poster.post([taken]))
    await asyncio.sleep(0)
    late = await poster.post([charge(account_id, 1), reverse(taken), hold(account_id, 1)], within_ms=0)
    assert [result.verdict for result in late] == [Verdict.BUSY, P, Verdict.BUSY]
    assert (await first)[0].verdict is P
    assert (await wallet_of(account_id)).balance == 1_000


async def test_a_flood_is_bounded_in_all_and_for_one_account(
    poster: Poster, account_id: str, fund: Fund, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster_module, "MOST_WAITING", 20)
    monkeypatch.setattr(poster_module, "MOST_WAITING_OF_ACCOUNT", 5)
    await fund(account_id, 1_000)
    await fund("acct_b", 1_000)
    flood = poster.post([charge(account_id, 1) for _ in range(12)])
    flooded, [beside] = await asyncio.gather(flood, poster.post([charge("acct_b", 1)]))
    assert beside.verdict is P
    verdicts = Counter(result.verdict for result in flooded)
    assert verdicts == {P: 5, Verdict.BUSY: 7}
    with pytest.raises(DomainError, match="service_unavailable") as refused:
        await poster.post([charge(account_id, 1) for _ in range(21)])
    assert refused.value.headers["Retry-After"] == "1"


async def test_a_poster_goes_on_after_its_connections_were_cut(
    *, poster: Poster, billing_db: Database, database: TestDatabase, account_id: str, fund: Fund, wallet_of: ReadWallet
) -> None:
    await fund(account_id, 1_000)
    await poster.post([charge(account_id, 1)])
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await owner.close()
    again, posted = charge(account_id, 1), None
    while posted is None:
        try:
            [posted] = await poster.post([again])
        except DomainError as error:
            assert error.code == "service_unavailable"
    assert posted.verdict is P and (await wallet_of(account_id)).balance == 998


async def test_postings_are_flushed_before_they_are_answered_and_news_of_endings_later(poster: Poster) -> None:
    for each, flushes in (*((one, "on") for one in poster._idle), (poster._telling, "off")):
        connection = (await each.connection())._connection
        assert await connection.fetchval("SHOW synchronous_commit") == flushes


async def test_closing_answers_what_waits_and_takes_nothing_more(
    billing_db: Database, account_id: str, fund: Fund
) -> None:
    await fund(account_id, 1_000)
    poster = Poster(billing_db, CLOCK)
    waiting = asyncio.gather(
        *(poster.post([charge(account_id, 1), capture(hold(account_id, 1), 1)]) for _ in range(30))
    )
    await asyncio.sleep(0)
    await poster.close()
    assert {result.verdict for answer in await waiting for result in answer} == {P, Verdict.NOT_FOUND}
    with pytest.raises(DomainError, match="service_unavailable"):
        await poster.post([charge(account_id, 1)])


async def test_a_holds_progress_is_taken_while_it_is_open_and_only_grows(
    poster: Poster, billing_db: Database, account_id: str, fund: Fund
) -> None:
    await fund(account_id, 10_000)
    lasting, short = hold(account_id, 4_000), hold(account_id, 4_000, lasts_ms=1)
    await poster.post([lasting, short])
    told = [progress(lasting, 700, tokens=7), progress(lasting, 500, tokens=5), progress(short, 700)]
    answers = [(await poster.post([item]))[0] for item in told]
    assert [answer.verdict for answer in answers] == [P, P, Verdict.HOLD_LAPSED]
    assert (answers[0].balance, answers[0].available) == (10_000, 2_000)
    both = await poster.post([progress(lasting, 9_000, tokens=9), progress(lasting, 800)])
    assert [answer.verdict for answer in both] == [P, P]
    pool = await billing_db.asyncpg_pool()
    assert await pool.fetch("SELECT spent, tokens FROM holds ORDER BY spent") == [(0, 0), (4_000, 9)]


async def test_credits_that_have_expired_are_not_spent_by_the_single_statement(
    billing_db: Database, account_id: str, statements: list[int], wallet_of: ReadWallet
) -> None:
    async with billing_db.transaction() as connection:
        await post_grant(
            connection,
            account_id=account_id,
            transfer_id=fresh(),
            millicredits=1_000,
            description="Welcome",
            expires_at=CLOCK.now() + timedelta(hours=1),
            at=CLOCK.now(),
            real_now=CLOCK.real_now(),
        )
    poster, later = Poster(billing_db, CLOCK), Poster(billing_db, _Later())
    try:
        assert (await poster.post([charge(account_id, 100)]))[0].verdict is P
        assert (await later.post([charge(account_id, 100)]))[0].verdict is Verdict.INSUFFICIENT_CREDITS
    finally:
        await poster.close()
        await later.close()
    assert (await wallet_of(account_id)).balance == 0 and statements == [1, 1]


class _Later(SystemClock):
    """Business time two hours on."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=2)


async def test_progress_beside_a_charge_is_answered_at_its_place(poster: Poster, fund: Fund) -> None:
    await fund("acct_1", 10)
    told, charged = await poster.post([progress(hold("acct_1", 5), 1), charge("acct_1", 4)])
    assert (told.verdict, told.available) == (Verdict.NOT_FOUND, 10)
    assert (charged.verdict, charged.available) == (Verdict.POSTED, 6)
