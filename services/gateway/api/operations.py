"""Health, metrics and the API's description."""

import hmac
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response
from typing_extensions import TypedDict

from services.gateway.api.guards import gateway_of, operator_required
from services.gateway.use_cases import platform
from services.gateway.use_cases.business_metrics import business_metrics
from shared.contracts.devices import DeviceStatistics
from shared.doors import MoneyView, StrictRoute, answer, refuses
from shared.doors.application import metrics_of, metrics_response
from shared.doors.describing import described

router = APIRouter(route_class=StrictRoute, tags=["operations"])


class PingView(TypedDict):
    status: Literal["ok"]


class CheckView(TypedDict):
    status: Literal["ok", "failing"]
    latency_ms: int


class SiblingHealthView(TypedDict):
    status: Literal["ok", "degraded", "down"]
    checks: dict[str, CheckView]


class HealthView(SiblingHealthView):
    """Each need by its name, and each service's own report."""

    service: str
    services: dict[str, SiblingHealthView]


class PurchasesView(TypedDict):
    period_days: int
    begun: int
    paid: int
    conversion: str | None
    by_status: dict[str, int]


class RevenueFiguresView(TypedDict):
    period_days: int
    gross: MoneyView
    refunded: MoneyView
    disputed: MoneyView
    net: MoneyView
    paying_accounts: int
    per_paying_account: MoneyView | None
    per_account: MoneyView | None


class CallsView(TypedDict):
    by_outcome: dict[str, int]
    refused: dict[str, int]
    refused_for_credit: int


class RequestsView(TypedDict):
    total: int
    by_status: dict[str, int]
    failed: int
    error_rate: str | None


class BusinessFiguresView(TypedDict):
    """Ratios have four decimals. `purchases` and `revenue` are null while billing is away, `devices` while fraud is."""

    accounts: int
    purchases: PurchasesView | None
    revenue: RevenueFiguresView | None
    devices: DeviceStatistics | None
    keys: dict[str, int]
    calls: CallsView
    requests: RequestsView


@router.get("/ping", response_model=PingView, summary="Whether the gateway answers")
async def ping() -> Response:
    return answer({"status": "ok"})


@router.get(
    "/health",
    response_model=HealthView,
    responses={503: {"model": HealthView, "description": "The database is away."}},
    summary="What works: database, Redis, Stripe, the services, memory and disk",
)
async def health(request: Request) -> Response:
    status, body = await platform.health(gateway_of(request))
    return answer(body, status)


@router.get(
    "/metrics/prometheus",
    response_class=PlainTextResponse,
    summary="The gateway's metrics for Prometheus",
)
@refuses("unauthenticated", "session_required", "forbidden")
async def prometheus(request: Request) -> Response:
    """For an operator's session, or the bearer token that METRICS_TOKEN sets."""
    await _may_read_metrics(request)
    return await metrics_response(request)


@router.get(
    "/metrics",
    response_model=BusinessFiguresView,
    summary="The business's figures: purchases, revenue by account, keys, calls",
)
@refuses("unauthenticated", "session_required", "forbidden")
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
    return answer(await platform.described(gateway_of(request), described(request.app)))
