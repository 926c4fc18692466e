"""Who did what: this gateway's audit trail and its siblings' as one list. A line's id begins with its time: the trails
merge by it, and any line's id is a cursor for both."""

import asyncio
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from services.gateway.clients import sibling_audit
from services.gateway.service import Gateway
from shared import audit
from shared.errors import DomainError

Line = dict[str, Any]

_BILLING_AWAY = DomainError(
    "billing_unavailable",
    "Billing does not answer; `service=gateway` lists what it has no part in.",
    headers={"Retry-After": "1"},
)
_LICENSING_AWAY = DomainError(
    "service_unavailable",
    "Licensing does not answer; `service=gateway` lists what it has no part in.",
    headers={"Retry-After": "1"},
)
_FRAUD_AWAY = DomainError(
    "service_unavailable",
    "Fraud does not answer; `service=gateway` lists what it has no part in.",
    headers={"Retry-After": "1"},
)


class Trail(StrEnum):
    """The services that keep one."""

    GATEWAY = "gateway"
    BILLING = "billing"
    LICENSING = "licensing"
    FRAUD = "fraud"


async def read_audit(
    gateway: Gateway, *, trails: tuple[Trail, ...], after: str | None, limit: int
) -> list[Line] | None:
    """Up to `limit` lines of these trails, newest first, each with the `service` that wrote it; None where none of
    them has `after`. DomainError `billing_unavailable`, `service_unavailable`."""
    parts = await asyncio.gather(*(_READERS[trail](gateway, after, limit) for trail in trails))
    if after is not None and not any(knows_after for _, knows_after in parts):
        return None
    lines = [line for part, _ in parts for line in part]
    return sorted(lines, key=lambda line: str(line["id"]), reverse=True)[:limit]


async def _own(gateway: Gateway, after: str | None, limit: int) -> tuple[list[Line], bool]:
    async with gateway.database.transaction() as connection:
        known = after is not None and await audit.exists(connection, after)
        found = await audit.page(connection, after=after, limit=limit)
    return [{**asdict(entry), "service": Trail.GATEWAY.value} for entry in found], known


async def _billings(gateway: Gateway, after: str | None, limit: int) -> tuple[list[Line], bool]:
    told = await sibling_audit.read_lines(gateway.billing, after=after, limit=limit, away=_BILLING_AWAY)
    return [{**line, "service": Trail.BILLING.value} for line in told["data"]], told["knows_after"]


async def _licensings(gateway: Gateway, after: str | None, limit: int) -> tuple[list[Line], bool]:
    told = await sibling_audit.read_lines(gateway.licensing, after=after, limit=limit, away=_LICENSING_AWAY)
    return [{**line, "service": Trail.LICENSING.value} for line in told["data"]], told["knows_after"]


async def _frauds(gateway: Gateway, after: str | None, limit: int) -> tuple[list[Line], bool]:
    told = await sibling_audit.read_lines(gateway.fraud, after=after, limit=limit, away=_FRAUD_AWAY)
    return [{**line, "service": Trail.FRAUD.value} for line in told["data"]], told["knows_after"]


_READERS = {Trail.GATEWAY: _own, Trail.BILLING: _billings, Trail.LICENSING: _licensings, Trail.FRAUD: _frauds}
