"""Counters that Redis has lost come back from PostgreSQL as they were (U9)."""

from datetime import timedelta
from typing import Any

import pytest

from services.fraud.commands.rebuild_features import _told
from services.fraud.domain.velocity import HistoryReading, VelocityReading
from services.fraud.events import billing
from services.fraud.store import velocity_history
from services.fraud.use_cases import rebuild_features as rebuilding
from services.fraud.use_cases.rebuild_features import Rebuilt, rebuild_features
from shared.ids import new_id
from shared.inbox import Event
from tests.integration.fraud.conftest import Desk

Readings = dict[str, tuple[VelocityReading, HistoryReading]]


async def paid(desk: Desk, number: int) -> str:
    """One of many payments by few accounts, cards, addresses, devices and mailboxes."""
    name = new_id("pay", at=desk.clock.at)
    facts: dict[str, Any] = {
        "payment_id": name,
        "account_id": f"acct_{number % 3}",
        "amount_usd_minor": 100 + number,
        "card_fingerprint": f"card_{number % 4}",
        "ip": f"192.0.2.{number % 2}",
        "device_id": None if number % 3 else "dev_1",
        "mailbox_hash": None if number % 5 else "0" * 64,
        "occurred_at": (desk.clock.at - timedelta(seconds=number)).isoformat(),
    }
    answer = await desk.assess(**facts)
    assert answer.status_code == 200, answer.text
    return name


async def heard(desk: Desk, kind: str, payment_id: str, **data: Any) -> None:
    """Billing's news of a payment."""
    known = {"payment_id": payment_id, "account_id": "acct_1", **data}
    event = Event(0, new_id("evt", at=desk.clock.at), kind, payment_id, known, desk.clock.at.isoformat())
    async with desk.fraud.database.transaction() as connection:
        await billing.handle(desk.fraud, connection, event)


async def readings(desk: Desk, payments: list[str]) -> Readings:
    """What is read with each payment told again."""
    async with desk.fraud.database.transaction() as connection:
        events = await velocity_history.payments_of(connection, payments)
    now = desk.clock.now()
    return {event.payment_id: await desk.fraud.velocity.read_and_count(event, now=now) for event in events}


async def test_flushed_counters_come_back_as_they_were(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "PAGE", 5)
    monkeypatch.setattr(rebuilding, "UNDER_WAY_SECONDS", 0)
    payments = []
    for number, pause in enumerate([timedelta(days=6)] * 9 + [timedelta(minutes=40)] * 4 + [timedelta(seconds=9)] * 3):
        desk.clock.advance(pause)
        payments.append(await paid(desk, number))
        if number % 3 == 2:
            await heard(desk, "payment.failed", payments[-1])
        if number in (2, 7, 8, 14):
            await heard(desk, "dispute.opened", payments[-1], dispute_id=f"dp_{number}", reason="fraudulent")
        if number == 8:
            desk.clock.advance(timedelta(seconds=1))
            await heard(desk, "dispute.won", payments[-1], dispute_id=f"dp_{number}", reason="fraudulent")
    before = await readings(desk, payments)
    assert len(before) == len(payments)
    assert any(reading["account_failed_hour"] for reading, _ in before.values())
    assert any(day.frauds for _, history in before.values() for day in history.account.values())

    told: list[Rebuilt] = []
    for _ in range(2):  # the second time nothing was lost
        await desk.fraud.redis.flushall()
        done = await rebuild_features(desk.fraud, told.append)
        assert await readings(desk, payments) == before
    assert (done.payments, done.frauds, done.failures) == (15, 3, 3), "the first is too old to be read"
    assert told[0].payments == 5 and told[-1] == done
    assert _told(done).endswith("3 known frauds, 3 failures counted")
