"""Events of Stripe's that were dealt with are forgotten, and in time the key that copies of them are under; whatever
still needs somebody stays readable."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

from services.billing.domain.stripe_events import read_event
from services.billing.store import webhook_bodies, webhook_events
from services.billing.store.webhook_bodies import SealedBody
from services.billing.use_cases import webhook_forgetting
from services.billing.use_cases.webhook_forgetting import forget_events
from shared.crypto import CannotUnseal, seal
from shared.db import Database
from tests.support.stripe_events import envelope

KEPT_DAYS = 90
KEYS = {1: os.urandom(32)}
JANUARY = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def billing(billing_db: Database) -> Any:
    clock = SimpleNamespace(at=JANUARY)
    clock.now = lambda: clock.at
    settings = SimpleNamespace(webhook_keep_days=KEPT_DAYS, seal_keys=KEYS)
    return SimpleNamespace(database=billing_db, clock=clock, settings=settings)


async def _came(billing: Any, number: int, status: str, *, at: datetime) -> bytes:
    """An event that has come and got a status; its body."""
    body = json.dumps(envelope("customer.created", {"id": f"cus_{number}"}, id=f"evt_{number}")).encode()
    async with billing.database.transaction() as connection:
        assert await webhook_events.insert_once(
            connection, read_event(body), body, row_id=f"whe_{number}", keys=KEYS, ignored_because=None, at=at
        )
    pool = await billing.database.asyncpg_pool()
    closed_at = at if status in {"handled", "ignored"} else None
    await pool.execute(
        "UPDATE webhook_events SET status = $2, handled_at = $3 WHERE id = $1", f"whe_{number}", status, closed_at
    )
    return body


async def _stored(billing: Any, number: int) -> SealedBody:
    pool = await billing.database.asyncpg_pool()
    row = await pool.fetchrow(
        "SELECT e.*, k.wrapped FROM webhook_events e LEFT JOIN webhook_keys k ON k.month = e.key_month WHERE id = $1",
        f"whe_{number}",
    )
    return SealedBody(row["stripe_event_id"], row["body"], row["key_month"], row["wrapped"])


async def _months(billing: Any) -> list[date]:
    pool = await billing.database.asyncpg_pool()
    return [row["month"] for row in await pool.fetch("SELECT month FROM webhook_keys ORDER BY month")]


async def _forget_all(billing: Any) -> int:
    rounds = 1
    while await forget_events(billing):
        rounds += 1
    return rounds


async def test_only_events_dealt_with_long_ago_are_deleted(billing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_forgetting, "_AT_ONCE", 2)
    for number, status in enumerate(("handled", "ignored", "handled", "failed", "parked", "received")):
        await _came(billing, number, status, at=JANUARY)
    billing.clock.at = JANUARY + timedelta(days=KEPT_DAYS + 1)
    await _came(billing, 6, "handled", at=billing.clock.at)

    assert await _forget_all(billing) == 3, "in bounded batches, then a look at the months"
    pool = await billing.database.asyncpg_pool()
    left = [row["status"] for row in await pool.fetch("SELECT status FROM webhook_events ORDER BY id")]
    assert left == ["failed", "parked", "received", "handled"]


async def test_months_key_goes_once_all_of_its_events_may_be_forgotten(billing: Any) -> None:
    await _came(billing, 1, "handled", at=JANUARY)
    copy = await _stored(billing, 1)
    billing.clock.at = datetime(2026, 4, 25, tzinfo=UTC)
    await _forget_all(billing)
    assert await _months(billing) == [date(2026, 1, 1), date(2026, 4, 1)], "January has ended, but not 90 days ago"

    billing.clock.at = datetime(2026, 5, 2, tzinfo=UTC)
    await _forget_all(billing)
    assert date(2026, 1, 1) not in await _months(billing)
    assert copy.wrapped_key is not None
    with pytest.raises(CannotUnseal):
        SealedBody(copy.stripe_event_id, copy.sealed, copy.month, None).open(KEYS)


async def test_parked_events_outlive_their_months_key(billing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_forgetting, "_SEALED_ANEW_AT_ONCE", 1)
    bodies = [await _came(billing, n, status, at=JANUARY) for n, status in enumerate(("parked", "failed", "handled"))]
    billing.clock.at = datetime(2026, 6, 1, tzinfo=UTC)
    await _forget_all(billing)

    assert await _months(billing) == [date(2026, 6, 1)]
    for number in (0, 1):
        kept = await _stored(billing, number)
        assert kept.month == date(2026, 6, 1)
        assert kept.open(KEYS) == bodies[number]


async def test_key_that_an_event_is_under_can_not_be_dropped(billing: Any) -> None:
    await _came(billing, 1, "parked", at=JANUARY)
    async with billing.database.transaction() as connection:
        assert await webhook_bodies.drop_keys(connection, before=date(2030, 1, 1)) == []
    pool = await billing.database.asyncpg_pool()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await pool.execute("DELETE FROM webhook_keys")


async def test_body_from_before_the_months_still_opens(billing: Any) -> None:
    await _came(billing, 1, "parked", at=JANUARY)
    sealed = seal(b"as it came", KEYS, "billing.webhook_events.body:evt_1")
    pool = await billing.database.asyncpg_pool()
    await pool.execute("UPDATE webhook_events SET body = $1, key_month = NULL, status = 'received'", sealed)
    async with billing.database.transaction() as connection:
        [leased] = await webhook_events.lease(connection, lease_seconds=1, limit=1)
    assert leased.body.open(KEYS) == b"as it came"


async def test_key_is_sealed_bound_to_its_month_and_in_no_repr(billing: Any) -> None:
    async with billing.database.transaction() as connection:
        january = await webhook_bodies.key_of_month(connection, JANUARY, KEYS)
        again = await webhook_bodies.key_of_month(connection, JANUARY, KEYS)
        february = await webhook_bodies.key_of_month(connection, JANUARY + timedelta(days=30), KEYS)
    assert january == again != february
    assert repr(january) == "MonthKey(2026-01-01)"
    pool = await billing.database.asyncpg_pool()
    wrapped = await pool.fetchval("SELECT wrapped FROM webhook_keys WHERE month = '2026-01-01'")
    assert january.key not in wrapped
    with pytest.raises(CannotUnseal):
        SealedBody("evt_1", january.seal(b"x", "evt_1"), february.month, wrapped).open(KEYS)
