"""A test's database is as a fresh clone, though another test had it before."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from tests.conftest import Servers
from tests.support.databases import Databases, TestDatabase

ENTRY = (
    "INSERT INTO fraud.blacklist (id, kind, match, plain_value, source, created_at, created_by)"
    " VALUES (gen_random_uuid(), 'card', 'x', 'x', 'here', now(), 'me')"
)
POSITIONS = "SELECT nextval('fraud.outbox_position'), nextval('gateway.changes_id_seq')"


@pytest.fixture
def mine(servers: Servers) -> Iterator[Databases]:
    made = Databases(servers.postgres)
    yield made
    made.close()


async def _ask(url: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def ask(database: TestDatabase, statement: str) -> list[Any]:
    """As the owner."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_ask(database.owner_url, statement))


def test_rows_are_gone_and_sequences_at_their_start(mine: Databases) -> None:
    with mine.one() as first:
        fresh = ask(first, POSITIONS)
        ask(first, ENTRY)
    with mine.one() as second:
        assert second == first
        assert ask(second, "SELECT * FROM fraud.blacklist") == []
        assert ask(second, POSITIONS) == fresh


def test_two_at_once_are_two(mine: Databases) -> None:
    with mine.one() as one, mine.one() as other:
        ask(one, ENTRY)
        assert ask(other, "SELECT * FROM fraud.blacklist") == []


def test_who_is_still_connected_is_cut_off(mine: Databases) -> None:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        with mine.one() as first:
            left = runner.run(asyncpg.connect(first.owner_url))
            runner.run(left.execute(f"BEGIN; {ENTRY}"))
        with mine.one() as second:
            assert second == first
            assert ask(second, "SELECT * FROM fraud.blacklist") == []
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                runner.run(left.execute("COMMIT"))
        left.terminate()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE fraud.another (id integer)",
        "DROP TABLE fraud.blacklist",
        "ALTER TABLE fraud.blacklist DROP COLUMN removed_by",
        "ALTER TABLE fraud.blacklist ALTER source SET DEFAULT 'anywhere'",
        "ALTER TABLE fraud.blacklist DROP CONSTRAINT blacklist_pkey",
        "ALTER TABLE billing.payments DISABLE TRIGGER ALL",
        "GRANT DELETE ON fraud.fraud_assessments TO public",
        "CREATE FUNCTION fraud.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "UPDATE fraud.schema_version SET version_num = 'none'",
        "DELETE FROM billing.chart_of_accounts",
    ],
)
def test_one_whose_schema_or_given_rows_changed_is_not_used_again(mine: Databases, change: str) -> None:
    with mine.one() as first:
        ask(first, change)
    with mine.one() as second:
        assert second.name != first.name
