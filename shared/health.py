"""`/health`: what a service needs, asked at once and in bounded time. `/ping` only says that the process answers.

`ok`: all of it works. `degraded`: something that the service can do without, or do less without, is away (200).
`down`: the database is away (503), so nothing that needs a truth can be answered.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from fastapi import APIRouter, Request
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.responses import Response

from shared.db import Database
from shared.doors import StrictRoute, answer, guarded
from shared.doors.application import metrics_response
from shared.doors.describing import described
from shared.service_auth import service_required

DEADLINE_SECONDS = 2.0

Check = Callable[[], Awaitable[bool]]


class Service(Protocol):
    """What every service's dataclass has."""

    @property
    def database(self) -> Database: ...

    @property
    def redis(self) -> Redis: ...


async def redis_answers(redis: Redis) -> bool:
    """Whether Redis answers a ping."""
    try:
        await redis.ping()
    except (RedisError, OSError, TimeoutError):
        return False
    return True


async def report(service: str, checks: Mapping[str, Check]) -> tuple[int, dict[str, Any]]:
    """Ask every check at once; the HTTP status and the body. `database` decides between degraded and down."""
    names = list(checks)
    results = await asyncio.gather(*(_ask(checks[name]) for name in names))
    by_name = dict(zip(names, results, strict=True))
    bad = {name for name, result in by_name.items() if result["status"] != "ok"}
    status = "down" if "database" in bad else "degraded" if bad else "ok"
    return (503 if status == "down" else 200), {"status": status, "service": service, "checks": by_name}


async def _ask(check: Check) -> dict[str, Any]:
    started = time.perf_counter_ns()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            good = await check()
    except TimeoutError:
        good = False
    return {"status": "ok" if good else "failing", "latency_ms": (time.perf_counter_ns() - started) // 1_000_000}


def operations_router(name: str, more: Callable[[Any], Mapping[str, Check]] = lambda _service: {}) -> APIRouter:
    """`/ping`, `/health`, Prometheus's `/metrics` and the API's description, on an inner port. `more` gives a
    service's further checks."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)

    @router.get("/ping")
    async def ping() -> Response:
        return answer({"status": "ok"})

    @router.get("/health")
    async def health(request: Request) -> Response:
        service: Service = request.app.state.service
        checks: dict[str, Check] = {
            "database": service.database.answers,
            "redis": lambda: redis_answers(service.redis),
            **more(service),
        }
        status, body = await report(name, checks)
        return answer(body, status)

    @router.get("/internal/v1/openapi")
    @guarded(service_required)
    async def openapi(request: Request) -> Response:
        return answer(described(request.app))

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        return await metrics_response(request)

    return router
