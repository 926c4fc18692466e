"""Months of usage that are summed up and dropped: what was asked before is answered the same after."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from services.billing.domain.ledger.usage import Bucket, UsageSum
from services.billing.store.ledger_connection import ledger_transaction
from services.billing.use_cases import usage_rollup
from services.billing.use_cases.post_items import post_items
from services.billing.use_cases.usage import sum_usage
from services.billing.use_cases.usage_rollup import drop_old, roll_up
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import new_uuid
from tests.integration.billing_ledger.asking import charge
from tests.integration.billing_ledger.conftest import Fund
from tests.support.databases import TestDatabase

CLOCK = SystemClock()
KEEP = 3
Owner = Callable[..., Awaitable[Any]]


def months_ago(count: int) -> date:
    today = CLOCK.now().date()
    months = today.year * 12 + today.month - 1 - count
    return date(months // 12, months % 12 + 1, 1)


OLD, NEWER = months_ago(KEEP + 1), months_ago(KEEP)
"""The newest month that may be dropped, and the one that is kept."""


def instant(month: date, *, days: float) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC) + timedelta(days=days)


@pytest.fixture
def billing(billing_db: Database) -> Any:
    settings = SimpleNamespace(usage_keep_months=KEEP)
    return SimpleNamespace(database=billing_db, clock=CLOCK, settings=settings)


@pytest.fixture
async def owner(database: TestDatabase) -> Any:
    """Runs a statement as the schema's owner."""
    connection = await asyncpg.connect(database.owner_url, server_settings={"search_path": "billing"})
    yield connection.fetch
    await connection.close()


@pytest.fixture
async def old_months(owner: Owner) -> None:
    """The months that lay there before `make_months` made what is there now."""
    for month in (OLD, NEWER):
        for table in ("usage_records", "holds"):
            await owner(
                f"CREATE TABLE {table}_{month:%Y_%m} PARTITION OF {table} FOR VALUES"
                f" FROM (first_uuid_at('{month}')) TO (first_uuid_at(timestamp '{month}' + interval '1 month'))"
            )


async def record(owner: Owner, account_id: str, month: date, count: int) -> None:
    """Calls all over a month, the last of them written down in the next one."""
    for number in range(count):
        made = instant(month, days=number * 27.5 / count)
        written = made + timedelta(days=5 if number == count - 1 else 0)
        await owner(
            "INSERT INTO usage_records VALUES ($1, $2, $3, $4, 1, 1, $5, 2, 0, $6, 'delivered', false, 10, $7)",
            account_id,
            new_uuid(at=made),
            ("echo", "chat")[number % 2],
            f"key_{number % 3}",
            number,
            number * 10,
            written,
        )


async def every_sum(billing: Any, account_id: str) -> dict[Bucket, list[UsageSum]]:
    """All that can be asked about the old months and what came after them."""
    start = instant(OLD, days=0)
    sums = {
        by: await sum_usage(billing, account_id, start=start, end=None, by=by)
        for by in (Bucket.DAY, Bucket.ROUTE, Bucket.KEY)
    }
    hours = [
        await sum_usage(billing, account_id, start=start + n * timedelta(days=20), end=end, by=Bucket.HOUR)
        for n in range(8)
        if (end := start + (n + 1) * timedelta(days=20))
    ]
    return sums | {Bucket.HOUR: [each for part in hours for each in part]}


async def roll_up_all(billing: Any) -> None:
    while await roll_up(billing):
        pass


async def months_of(owner: Owner, table: str) -> set[str]:
    rows = await owner(
        "SELECT right(inhrelid::regclass::text, 7) FROM pg_inherits WHERE inhparent = $1::text::regclass", table
    )
    return {row[0] for row in rows}


@pytest.mark.usefixtures("old_months")
async def test_sums_over_a_dropped_month_are_those_from_before(
    *, billing: Any, owner: Owner, account_id: str, fund: Fund, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_rollup, "_RECORDS_AT_ONCE", 7)
    for month in (OLD, NEWER):
        await record(owner, account_id, month, 30)
        await record(owner, "acct_other", month, 5)
    await fund(account_id, 10_000)
    await post_items(billing.database, CLOCK, [charge(account_id, 100) for _ in range(3)])
    before = await every_sum(billing, account_id)
    assert sum(each.calls for each in before[Bucket.DAY]) == sum(each.calls for each in before[Bucket.HOUR]) == 63
    await asyncio.gather(*(roll_up_all(billing) for _ in range(3)))
    assert await every_sum(billing, account_id) == before, "summed up, but still read from the records"
    assert await drop_old(billing)
    assert not await drop_old(billing)
    assert await every_sum(billing, account_id) == before
    assert f"{OLD:%Y_%m}" not in await months_of(owner, "usage_records") | await months_of(owner, "holds")
    assert f"{NEWER:%Y_%m}" in await months_of(owner, "usage_records") & await months_of(owner, "holds")


@pytest.mark.usefixtures("old_months")
async def test_a_month_whose_sums_are_not_its_records_is_not_dropped(
    billing: Any, owner: Owner, account_id: str
) -> None:
    await record(owner, account_id, OLD, 10)
    await roll_up_all(billing)
    await owner("UPDATE usage_rollups SET credits = credits + 1 WHERE hour = (SELECT max(hour) FROM usage_rollups)")
    with pytest.raises(asyncpg.RaiseError, match="was not summed up right"):
        await drop_old(billing)
    assert f"{OLD:%Y_%m}" in await months_of(owner, "usage_records")


@pytest.mark.usefixtures("old_months")
async def test_a_month_is_not_over_while_one_of_its_calls_runs(billing: Any, owner: Owner, account_id: str) -> None:
    request_id = new_uuid(at=instant(OLD, days=3))
    await owner(
        "INSERT INTO holds (account_id, id, amount, asked, state, expires_at, request_id, route, key_id,"
        " price_version, created_at) VALUES ($1, $2, 1, 1, 'open', now(), $2, 'echo', 'key_1', 1, now())",
        account_id,
        request_id,
    )
    assert not await roll_up(billing)
    await owner("UPDATE holds SET state = 'expired'")
    await roll_up_all(billing)
    assert await drop_old(billing)


@pytest.mark.usefixtures("old_months")
async def test_no_month_is_summed_up_that_a_posting_may_still_reach(billing: Any, owner: Owner) -> None:
    await roll_up_all(billing)
    begun = {row["month"] for row in await owner("SELECT month FROM usage_months")}
    assert OLD in begun
    assert not begun & {months_ago(count) for count in (2, 1, 0, -1)}


@pytest.mark.usefixtures("old_months")
async def test_running_statements_are_not_waited_for(billing: Any, owner: Owner, account_id: str) -> None:
    await record(owner, account_id, OLD, 3)
    await roll_up_all(billing)
    async with ledger_transaction(billing.database) as reader:
        await reader.fetch("SELECT FROM usage_records")
        assert not await asyncio.wait_for(drop_old(billing), 3)
    assert await drop_old(billing)


@pytest.mark.usefixtures("old_months")
async def test_the_role_drops_no_month_that_is_kept_and_none_early(billing: Any, owner: Owner, account_id: str) -> None:
    await record(owner, account_id, OLD, 3)
    pool = await billing.database.asyncpg_pool()
    await pool.execute("INSERT INTO usage_months (month) VALUES ($1)", OLD)
    assert not await pool.fetchval("SELECT drop_usage_month($1, $2)", OLD, KEEP), "it is not summed up yet"
    await roll_up_all(billing)
    for month, keep in ((NEWER, KEEP), (OLD, KEEP + 1), (OLD, 2), (months_ago(0), 0)):
        with pytest.raises(asyncpg.RaiseError, match="is kept"):
            await pool.fetchval("SELECT drop_usage_month($1, $2)", month, keep)
    for statement in (
        "DELETE FROM usage_records",
        "DELETE FROM usage_rollups",
        f"DROP TABLE usage_records_{OLD:%Y_%m}",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)
