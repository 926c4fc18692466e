"""Health, metrics and the API's description."""

import hmac

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.gateway.api.guards import gateway_of, operator_required
from services.gateway.use_cases import platform
from services.gateway.use_cases.business_metrics import business_metrics
from shared.doors import StrictRoute, answer
from shared.doors.application import metrics_of, metrics_response

router = APIRouter(route_class=StrictRoute, tags=["operations"])


@router.get("/ping", summary="Whether the gateway answers")
async def ping() -> Response:
    return answer({"status": "ok"})


@router.get("/health", summary="What works: database, Redis, Stripe, the services, memory and disk")
async def health(request: Request) -> Response:
    status, body = await platform.health(gateway_of(request))
    return answer(body, status)


@router.get("/metrics/prometheus", summary="The gateway's metrics for Prometheus")
async def prometheus(request: Request) -> Response:
    """For an operator's session, or the bearer token that METRICS_TOKEN sets."""
    await _may_read_metrics(request)
    return await metrics_response(request)


@router.get("/metrics", summary="The business's figures: purchases, revenue by account, keys, calls")
async def business(request: Request) -> Response:
    """JSON, for whoever may read `/metrics/prometheus`. Purchases and revenue are of the last 30 days; the rest counts
    since the gateway's start."""
    await _may_read_metrics(request)
    return answer(await business_metrics(gateway_of(request), await metrics_of(request)))


async def _may_read_metrics(request: Request) -> None:
    token = gateway_of(request).settings.metrics_token.get_secret_value()
    presented = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not token or not hmac.compare_digest(presented.encode(), token.encode()):
        await operator_required(request)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    return answer(await platform.described(gateway_of(request), request.app.openapi()))
