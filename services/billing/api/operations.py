"""`/ping`, `/health` and `/metrics` on billing's own port (U4)."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from services.billing.service import Billing
from shared.doors import StrictRoute, answer
from shared.doors.application import metrics_response

Check = Literal["ok", "down", "not_configured"]

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/ping")
async def ping() -> Response:
    """Whether the process answers."""
    return answer({"status": "ok"})


@router.get("/health")
async def health(request: Request) -> Response:
    """What billing stands on. `degraded` where something is down that it can do without for a while; without its
    database it answers 503."""
    billing: Billing = request.app.state.service
    database, redis, stripe = await asyncio.gather(_database(billing), _redis(billing), _stripe(billing))
    checks: dict[str, Check] = {"database": database, "redis": redis, "stripe": stripe}
    whole = all(check == "ok" for check in checks.values())
    status = "ok" if whole else "degraded"
    return answer({"status": status, "checks": checks}, 200 if database == "ok" else 503)


@router.get("/metrics")
async def metrics() -> Response:
    """Prometheus's text."""
    return metrics_response()


async def _database(billing: Billing) -> Check:
    return "ok" if await billing.database.answers() else "down"


async def _redis(billing: Billing) -> Check:
    try:
        async with asyncio.timeout(1.0):
            await billing.redis.ping()
    except (RedisError, OSError, TimeoutError):
        return "down"
    return "ok"


async def _stripe(billing: Billing) -> Check:
    if not billing.stripe.configured:
        return "not_configured"
    return "ok" if await billing.stripe.answers() else "down"
