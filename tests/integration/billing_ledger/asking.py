"""Items with fresh ids."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.billing.domain.ledger.items import Call, Capture, Charge, Hold, Progress, Release, Reverse
from shared.clock import SystemClock
from shared.ids import new_uuid


def fresh(at: datetime | None = None) -> UUID:
    return new_uuid(at=at or SystemClock().real_now())


def call(**values: Any) -> Call:
    return Call(**{"request_id": fresh(), "route": "echo", "key_id": "key_1", "price_version": 1, **values})


def charge(account_id: str, amount: int, *, id: UUID | None = None, **values: Any) -> Charge:
    return Charge(id or fresh(), account_id, amount, call(**values))


def hold(account_id: str, amount: int, *, at_least: int = 1, lasts_ms: int = 60_000) -> Hold:
    return Hold(fresh(), account_id, amount, at_least, lasts_ms, call())


def capture(of: Hold, amount: int, *, id: UUID | None = None, **values: Any) -> Capture:
    values = {"request_id": of.call.request_id, "outcome": "delivered", **values}
    return Capture(id or fresh(), of.id, of.account_id, amount, call(**values))


def progress(of: Hold, amount: int, **values: Any) -> Progress:
    return Progress(of.id, of.account_id, amount, call(request_id=of.call.request_id, **values))


def release(of: Hold) -> Release:
    return Release(of.id, of.account_id, "upstream_failed")


def reverse(of: Charge, *, id: UUID | None = None) -> Reverse:
    return Reverse(id or fresh(), of.id, of.account_id, "upstream_failed")
