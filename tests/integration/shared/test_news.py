"""An event is told once, in order, however late it commits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import Database
from shared.doors import install
from shared.http_client import ServiceClient, SiblingUnavailable
from shared.inbox import Event, FeedReader
from shared.outbox import feed_router, number_committed, publish
from shared.service_auth import Verifier, public_key_of
from tests.support import keys
from tests.support.http import running

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class _Service:
    database: Database


@pytest.fixture
async def billing(billing_db: Database) -> AsyncIterator[ServiceClient]:
    app = FastAPI()
    app.include_router(feed_router("billing"))
    install(app, trusts_request_id=True)
    app.state.service = _Service(billing_db)
    app.state.verifier = Verifier("billing", {name: public_key_of(seed) for name, seed in keys.SEEDS.items()})
    async with running(app) as url:
        client = ServiceClient(url, audience="billing", minter=keys.minter("fraud"))
        yield client
        await client.close()


def _reader(fraud_db: Database, billing: ServiceClient, seen: list[str]) -> FeedReader:
    async def handle(_connection: AsyncConnection, event: Event) -> None:
        if event.subject == "poison" and "poison" not in seen:
            seen.append("poison")
            raise RuntimeError("poison")
        seen.append(event.subject)

    return FeedReader("billing", "fraud", fraud_db, billing, handle)


async def _tell(database: Database, *subjects: str) -> None:
    async with database.transaction() as connection:
        for subject in subjects:
            await publish(connection, "payment.succeeded", subject, {"credits": 5_000}, at=NOW)


async def test_events_are_read_once_and_in_order(
    billing_db: Database, fraud_db: Database, billing: ServiceClient
) -> None:
    seen: list[str] = []
    reader = _reader(fraud_db, billing, seen)
    await _tell(billing_db, "a")
    await _tell(billing_db, "b")
    await number_committed(billing_db)
    await asyncio.gather(reader.run_once(), reader.run_once())
    assert seen == ["a", "b"]


async def test_an_event_that_commits_late_is_not_skipped(
    billing_db: Database, fraud_db: Database, billing: ServiceClient
) -> None:
    seen: list[str] = []
    reader = _reader(fraud_db, billing, seen)
    async with billing_db.transaction() as late:
        await publish(late, "payment.succeeded", "late", {}, at=NOW)
        await _tell(billing_db, "early")
        await number_committed(billing_db)
        await reader.run_once()
        assert seen == ["early"]
    await number_committed(billing_db)
    await reader.run_once()
    assert seen == ["early", "late"]


async def test_a_rolled_back_change_tells_nothing(billing_db: Database) -> None:
    with pytest.raises(RuntimeError):
        async with billing_db.transaction() as connection:
            await publish(connection, "payment.succeeded", "never", {}, at=NOW)
            raise RuntimeError
    assert await number_committed(billing_db) == 0


async def test_a_failing_effect_leaves_the_cursor(
    billing_db: Database, fraud_db: Database, billing: ServiceClient
) -> None:
    seen: list[str] = []
    reader = _reader(fraud_db, billing, seen)
    await _tell(billing_db, "poison")
    await number_committed(billing_db)
    with pytest.raises(RuntimeError):
        await reader.run_once()
    async with fraud_db.transaction() as connection:
        assert await connection.scalar(text("SELECT coalesce(max(position), 0) FROM feed_cursors")) == 0
    await reader.run_once()
    assert seen == ["poison", "poison"]


async def test_no_transaction_waits_for_a_sibling_that_is_slow(fraud_db: Database) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await go_on.wait()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = ServiceClient(url, audience="billing", minter=keys.minter("fraud"), deadline_seconds=3.0)
        reading = asyncio.create_task(_reader(fraud_db, client, []).run_once())
        await asked.wait()
        async with fraud_db.transaction() as connection:
            others = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
                )
            )
        go_on.set()
        with pytest.raises(SiblingUnavailable):
            await reading
        await client.close()
    assert others == 0


async def test_the_feed_wants_a_services_token(billing: ServiceClient) -> None:
    reply = await billing.http.get("/internal/v1/events", headers={"x-tollgate-account": "acct_1"})
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
