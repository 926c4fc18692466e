"""Events of Stripe's that were dealt with are forgotten; whatever still needs somebody stays."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.billing.use_cases import webhook_worker
from services.billing.use_cases.webhook_worker import forget_events
from shared.clock import SystemClock
from shared.db import Database

KEPT_DAYS = 90


@pytest.fixture
def billing(billing_db: Database) -> Any:
    return SimpleNamespace(
        database=billing_db, clock=SystemClock(), settings=SimpleNamespace(webhook_keep_days=KEPT_DAYS)
    )


async def test_only_events_dealt_with_long_ago_are_deleted(billing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_worker, "_FORGOTTEN_AT_ONCE", 2)
    pool = await billing.database.asyncpg_pool()
    now = billing.clock.now()
    for number, status in enumerate(("handled", "ignored", "handled", "failed", "parked", "received", "handled")):
        old = now - timedelta(days=KEPT_DAYS + 1)
        handled_at = None if status in {"failed", "parked", "received"} else now if number == 6 else old
        await pool.execute(
            "INSERT INTO webhook_events (id, stripe_event_id, type, livemode, status, body, received_at, handled_at)"
            " VALUES ($1, $1, 'x', false, $2, '', $3, $4)",
            f"whe_{number}",
            status,
            old,
            handled_at,
        )
    rounds = 0
    while await forget_events(billing):
        rounds += 1
    assert rounds == 2, "in bounded batches"
    left = {row["status"] for row in await pool.fetch("SELECT id, status FROM webhook_events")}
    assert left == {"failed", "parked", "received", "handled"}
    assert await pool.fetchval("SELECT count(*) FROM webhook_events") == 4
