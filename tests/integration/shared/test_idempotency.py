"""One key, one effect, one answer."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from starlette.responses import Response

from shared.clock import FixedClock
from shared.db import Database
from shared.errors import DomainError
from shared.idempotency import LEASE, Claim, Replay, claim, forget_old

PEPPER = b"p" * 32
Claiming = Callable[..., Awaitable[Claim]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def claiming(billing_db: Database, clock: FixedClock) -> Claiming:
    async def make(key: str | None = "k", body: bytes = b"a", scope: str = "acct_1") -> Claim:
        return await claim(billing_db, clock, scope=scope, key=key, fingerprint=body, pepper=PEPPER)

    return make


async def _keep(database: Database, claimed: Claim, content: object) -> Response:
    async with database.transaction() as connection:
        return await claimed.keep(connection, 201, content)


async def test_the_first_answer_is_given_again(billing_db: Database, claiming: Claiming) -> None:
    first = await _keep(billing_db, await claiming(), {"secret": "tg_live_x"})
    with pytest.raises(Replay) as replay:
        await claiming()
    assert replay.value.body == first.body
    assert replay.value.response().headers["idempotent-replayed"] == "true"


async def test_another_body_is_refused(billing_db: Database, claiming: Claiming) -> None:
    await _keep(billing_db, await claiming(), {})
    with pytest.raises(DomainError) as refusal:
        await claiming(body=b"b")
    assert refusal.value.code == "idempotency_key_reused"


async def test_of_twenty_at_once_one_works(claiming: Claiming) -> None:
    outcomes = await asyncio.gather(*(claiming() for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(outcome, Claim) for outcome in outcomes) == 1
    assert {o.code for o in outcomes if isinstance(o, DomainError)} == {"idempotency_in_progress"}


async def test_scopes_are_apart(claiming: Claiming) -> None:
    await claiming(scope="acct_1")
    await claiming(scope="acct_2")


async def test_a_failure_gives_the_key_back(billing_db: Database, claiming: Claiming) -> None:
    await (await claiming()).give_back(billing_db)
    await claiming()


async def test_a_dead_process_loses_the_key_with_its_lease(
    billing_db: Database, clock: FixedClock, claiming: Claiming
) -> None:
    stalled = await claiming()
    clock.advance(LEASE + timedelta(seconds=1))
    taken_over = await claiming()
    with pytest.raises(DomainError):
        await _keep(billing_db, stalled, {})
    await _keep(billing_db, taken_over, {})


async def test_whoever_works_keeps_the_key(billing_db: Database, clock: FixedClock, claiming: Claiming) -> None:
    working = await claiming()
    for _ in range(3):
        clock.advance(LEASE - timedelta(seconds=1))
        await working.renew(billing_db, clock.real_now())
        with pytest.raises(DomainError) as refusal:
            await claiming()
        assert refusal.value.code == "idempotency_in_progress"
    await _keep(billing_db, working, {})


async def test_an_answer_is_forgotten_after_a_day(billing_db: Database, clock: FixedClock, claiming: Claiming) -> None:
    await _keep(billing_db, await claiming(), {})
    clock.advance(timedelta(hours=24, seconds=1))
    await claiming(body=b"b")
    clock.advance(timedelta(hours=24, seconds=1))
    await forget_old(billing_db, clock)
    async with billing_db.transaction() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM idempotency")) == 0


async def test_the_table_holds_neither_key_nor_answer(billing_db: Database, claiming: Claiming) -> None:
    await _keep(billing_db, await claiming(key="marked-key"), {"secret": "marked-answer"})
    async with billing_db.transaction() as connection:
        row = str((await connection.execute(text("SELECT * FROM idempotency"))).one())
    assert "marked" not in row
