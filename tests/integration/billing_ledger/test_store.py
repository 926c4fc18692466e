"""The store does to PostgreSQL what the decider's model does in memory, batch for batch, duplicates and all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.domain.ledger.decide import decide
from services.billing.domain.ledger.items import Item, Result
from services.billing.store.ledger_connection import ledger_snapshot
from services.billing.use_cases.post_credit import post_purchase
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.posting.poster import Poster
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.clock import FixedClock
from shared.db import Database
from tests.properties.billing_ledger.model import ACCOUNTS, NOW, Model, funded, funds, items, uuid_of

CLOCK = FixedClock(NOW)
_examples = count()
Post = Callable[[Database, Sequence[Item]], Awaitable[Sequence[Result]]]


async def fund(database: Database, account_id: str, millicredits: int, number: int) -> None:
    async with database.transaction() as connection:
        await post_purchase(
            connection,
            account_id=account_id,
            transfer_id=uuid_of(number),
            millicredits=millicredits,
            reference="pay_1",
            description="Credits",
            at=NOW,
            real_now=NOW,
        )


async def rows_of(database: Database, accounts: dict[str, str]) -> dict[str, list[tuple[object, ...]]]:
    """What the tables hold of these accounts, by the model's names for them."""
    queries = {
        "wallets": "SELECT account_id, balance, held, last_position FROM wallets",
        "transfers": "SELECT account_id, id, kind, amount, balance_after, position, refers_to, request_id"
        " FROM transfers",
        "reversals": "SELECT account_id, charge_id, reversal_id, amount FROM reversals",
        "holds": "SELECT account_id, id, amount, asked, state, capture_id, capture_asked, captured, spent,"
        " tokens FROM holds",
        "usage": "SELECT account_id, request_id, credits, held, outcome FROM usage_records",
    }
    async with ledger_snapshot(database) as ledger:
        rows = {
            name: await ledger.fetch(f"{sql} WHERE account_id = ANY($1) ORDER BY 1, 2", list(accounts))
            for name, sql in queries.items()
        }
    return {name: [(accounts[row[0]], *row[1:]) for row in found] for name, found in rows.items()}


def rows_in(model: Model) -> dict[str, list[tuple[object, ...]]]:
    def ordered(values: object) -> list[tuple[object, ...]]:
        return sorted(values, key=lambda row: row[:2])  # type: ignore[call-overload, no-any-return]

    return {
        "wallets": ordered((w.account_id, w.balance, w.held, w.last_position) for w in model.wallets.values()),
        "transfers": ordered(
            (t.account_id, t.id, t.kind, t.amount, t.balance_after, t.position, t.refers_to, t.request_id)
            for t in model.transfers.values()
        ),
        "reversals": ordered((r.account_id, r.charge_id, r.reversal_id, r.amount) for r in model.reversals.values()),
        "holds": ordered(
            (
                h.account_id,
                h.id,
                h.amount,
                h.asked,
                h.state,
                h.capture_id,
                h.capture_asked,
                h.captured,
                h.spent,
                h.call.tokens if h.call else 0,
            )
            for h in model.holds.values()
        ),
        "usage": ordered((u.account_id, u.request_id, u.credits, u.held, u.outcome) for u in model.usage.values()),
    }


async def post_by_group_commit(database: Database, batch: Sequence[Item]) -> Sequence[Result]:
    poster = Poster(database, CLOCK)
    try:
        return await poster.post(batch) if batch else []
    finally:
        await poster.close()


async def post_exactly(database: Database, batch: Sequence[Item]) -> Sequence[Result]:
    return await post_items(database, CLOCK, batch)


@pytest.mark.parametrize("post", [post_exactly, post_by_group_commit])
@given(amounts=funds, batch=items, cuts=st.lists(st.integers(0, 40), max_size=3))
@settings(max_examples=60, deadline=None)
def test_postgres_becomes_what_the_model_becomes(  # noqa: PLR0917 - Hypothesis and fixtures
    runner: asyncio.Runner,
    kept_billing_db: Database,
    post: Post,
    amounts: dict[str, int],
    batch: list[Item],
    cuts: list[int],
) -> None:
    model = funded(amounts)
    own = {f"acct_{next(_examples):06}_{name}": name for name in ACCOUNTS}
    names = {name: account for account, name in own.items()}
    edges = [0, *sorted(min(cut, len(batch)) for cut in cuts), len(batch)]

    async def story() -> None:
        for number, (name, millicredits) in enumerate(amounts.items()):
            async with kept_billing_db.transaction() as connection:
                await connection.exec_driver_sql(
                    "INSERT INTO wallets (account_id, opened_at) VALUES ($1, now())", (names[name],)
                )
            if millicredits:
                await fund(kept_billing_db, names[name], millicredits, 9_000 + number)
        for start, end in pairwise(edges):
            decision = decide(model.book(), batch[start:end], now=NOW)
            model.take(decision)
            mine = [replace(item, account_id=names[item.account_id]) for item in batch[start:end]]
            assert list(await post(kept_billing_db, mine)) == list(decision.results)
        assert await rows_of(kept_billing_db, own) == rows_in(model)

    runner.run(story())


def test_the_book_of_all_examples_is_balanced(runner: asyncio.Runner, kept_billing_db: Database) -> None:
    proof = runner.run(verify_ledger(kept_billing_db))
    assert proof.balanced, proof
