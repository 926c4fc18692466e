"""Upgrades of a live book, to thin postings and beside a book of money: what was there stays, reads the same, and goes
on."""

from datetime import timedelta
from uuid import UUID

import asyncpg

from services.billing.store import transfers
from services.billing.store.ledger_connection import ledger_transaction
from services.billing.use_cases.reports import report_trial_balance
from services.billing.use_cases.verify_ledger import verify_ledger
from shared.clock import SystemClock
from shared.db import Database
from shared.ids import new_uuid
from shared.migrations import migrate_schema
from tests.conftest import Servers
from tests.support import databases

NOW = SystemClock().real_now()
BEFORE, AFTER = "0003", "0004"
CHARGE, HOLD = new_uuid(at=NOW), new_uuid(at=NOW)
PURCHASE = new_uuid(at=NOW - timedelta(days=1))


async def _book_of_before(connection: asyncpg.Connection) -> None:
    """As the service wrote it then: a purchase, a charge with its usage record, an open hold."""
    await connection.execute("INSERT INTO wallets VALUES ('acct_a', 900, 50, 2, 0, false, DEFAULT, now())")
    await connection.execute(
        "INSERT INTO transfers (account_id, id, kind, debit_account, credit_account, amount, balance_after, position,"
        " request_id, description, created_at)"
        " VALUES ('acct_a', $1, 'purchase', 'stripe', 'wallet', 1000, 1000, 1, NULL, 'Credits', now()),"
        " ('acct_a', $2, 'charge', 'wallet', 'revenue', 100, 900, 2, $2, 'Call of echo', now())",
        PURCHASE,
        CHARGE,
    )
    await connection.execute(
        "INSERT INTO payments (id, account_id, type, status, amount_minor, currency, usd_minor, millicredits,"
        " success_url, cancel_url, transfer_id, created_at, updated_at, expires_at, succeeded_at)"
        " SELECT 'pay_a', 'acct_a', 'credits', 'succeeded', 1, 'usd', 1, 1000, '', '', $1, now(), now(), now(), now()",
        PURCHASE,
    )
    await connection.execute(
        "INSERT INTO usage_records VALUES"
        " ('acct_a', $1, 'echo', 'key_1', 1, 1, 0, 0, 0, 100, 'delivered', false, 7, now())",
        CHARGE,
    )
    await connection.execute(
        "INSERT INTO holds (account_id, id, amount, asked, state, expires_at, request_id, route, key_id, price_version,"
        " created_at) VALUES ('acct_a', $1, 50, 50, 'open', now(), $1, 'echo', 'key_1', 1, now())",
        HOLD,
    )


async def test_the_book_of_before_is_whole_after_the_upgrade(servers: Servers) -> None:
    made = await databases.empty(servers.postgres)
    try:
        role = made.url_of("billing")
        await migrate_schema("billing", owner_url=made.owner_url, service_url=role, target=BEFORE)
        owner = await asyncpg.connect(made.owner_url, server_settings={"search_path": "billing"})
        await _book_of_before(owner)
        entries = await owner.fetch("SELECT * FROM entries ORDER BY 1, 2, 4")
        await migrate_schema("billing", owner_url=made.owner_url, service_url=role, target=AFTER)
        assert await owner.fetch("SELECT * FROM entries ORDER BY 1, 2, 4") == entries and len(entries) == 4
        assert await owner.fetchval("SELECT count(*) FROM transfers WHERE xid = '0'") == 2
        await migrate_schema("billing", owner_url=made.owner_url, service_url=role)
        await owner.close()
        await _check_it_goes_on(made)
    finally:
        await databases.drop(servers.postgres, made)


async def _check_it_goes_on(made: databases.TestDatabase) -> None:
    billing = made.open("billing")
    try:
        async with ledger_transaction(billing) as ledger:
            known = await transfers.find(ledger, {("acct_a", CHARGE)})
            held = await ledger.fetchval("SELECT spent FROM holds WHERE id = $1", HOLD)
        assert known["acct_a", CHARGE].sides.credit == "revenue" and held == 0
        assert isinstance(known["acct_a", CHARGE].request_id, UUID)
        assert (await verify_ledger(billing)).balanced
        await _check_its_money(billing)
    finally:
        await billing.close()


async def _check_its_money(billing: Database) -> None:
    """A cent was paid for a tenth of its worth in credits."""
    report = await report_trial_balance(billing, at=None)
    assert report.found.balanced
    assert {each.ledger_account: each.balance for each in report.found.accounts if each.balance} == {
        "receivables": 10_000,
        "rounding": -9_000,
        "wallet": -900,
        "revenue": -100,
    }
