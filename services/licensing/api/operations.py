"""`/ping`, `/health` and `/metrics`, for whoever runs the platform. The inner port is not public."""

import asyncio

from fastapi import APIRouter, Request
from redis.exceptions import RedisError
from starlette.responses import Response

from services.licensing.service import Licensing
from shared.doors import StrictRoute, answer
from shared.doors.application import metrics_response

REDIS_SECONDS = 1.0

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/ping")
async def ping() -> Response:
    return answer({"status": "ok"})


@router.get("/health")
async def health(request: Request) -> Response:
    """200 while the database answers; `degraded` where Redis, which may be lost, does not."""
    licensing: Licensing = request.app.state.service
    database, redis = await asyncio.gather(licensing.database.answers(), _redis_answers(licensing))
    status = "ok" if database and redis else "degraded"
    checks = {"database": _word(database), "redis": _word(redis)}
    return answer({"service": "licensing", "status": status, "checks": checks}, 200 if database else 503)


@router.get("/metrics")
async def metrics() -> Response:
    return metrics_response()


async def _redis_answers(licensing: Licensing) -> bool:
    try:
        async with asyncio.timeout(REDIS_SECONDS):
            return bool(await licensing.redis.ping())
    except (RedisError, OSError, TimeoutError):
        return False


def _word(answers: bool) -> str:
    return "ok" if answers else "unreachable"
