"""GET /api/v1/plans: what is sold. Operators make plans and retire them under /api/v1/admin/plans."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import actor_of, billing_of, caller_of
from services.billing.domain.subscriptions.plan import Interval, Plan, PlanId
from services.billing.use_cases import plans
from shared.db import Connection
from shared.doors import (
    MoneyField,
    MoneyView,
    StrictRoute,
    Wire,
    answer,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import Page
from shared.errors import Invalid
from shared.idempotency import Claim
from shared.money import step_minor
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute)

MOST_MINOR = 99_999_999
"""The largest price that Stripe takes."""
MOST_INTERVALS = {"day": 1_095, "week": 156, "month": 36, "year": 3}
"""Stripe's longest period: three years."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,62}$")]


class CreatePlanBody(Wire):
    """A plan's terms, which never change; another price is another plan. With `lease_seconds` its licenses float: a
    server that is not heard of for so long frees its seat."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    price: MoneyField
    interval: Interval
    interval_count: Annotated[int, Field(ge=1, le=1_095)] = 1
    trial_days: Annotated[int, Field(ge=0, le=730)] = 0
    max_activations: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    lease_seconds: Annotated[int, Field(ge=60, le=31_536_000)] | None = None
    entitlements: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)


class PlanView(TypedDict):
    """What is sold: `price` for every `interval_count` intervals."""

    id: str
    name: str
    price: MoneyView
    interval: Annotated[str, one_of(("day", "week", "month", "year"))]
    interval_count: int
    trial_days: int
    max_activations: int
    lease_seconds: int | None
    entitlements: list[str]


class PlanForOperatorsView(PlanView):
    """A plan with its ids at Stripe, which are null until it is made there."""

    status: Literal["live", "retired"]
    stripe_product_id: str | None
    stripe_price_id: str | None


@router.get("/api/v1/plans", response_model=Page[PlanView], tags=["subscriptions"], summary="List plans")
async def list_plans(request: Request) -> Response:
    """What can be subscribed to, the cheapest first. Public."""
    found = await plans.plans_on_sale(billing_of(request))
    return answer({"data": [plan_view(plan) for plan in found], "has_more": False, "next": None})


@router.get(
    "/api/v1/admin/plans", response_model=Page[PlanForOperatorsView], tags=["operators"], summary="List all plans"
)
@guarded(operator_required)
async def list_all_plans(request: Request) -> Response:
    """Retired ones too."""
    found = await plans.list_plans(billing_of(request))
    return answer({"data": [operators_view(plan) for plan in found], "has_more": False, "next": None})


@router.post(
    "/api/v1/admin/plans",
    status_code=201,
    response_model=PlanForOperatorsView,
    tags=["operators"],
    summary="Make a plan",
)
@guarded(operator_required)
@refuses("name_taken")
@takes_idempotency_key
async def create_plan(request: Request, body: CreatePlanBody) -> Response:
    """201 with the plan. Its product and price at Stripe are made at once, or as soon as Stripe answers."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, plan: Plan) -> Response:
            return await claim.keep(connection, 201, operators_view(plan))

        return await plans.create_plan(billing_of(request), _plan(body), actor_of(request), finish)

    return await idempotently(request, caller_of(request).account_id, work)


@refuses("not_found")
async def _known_plan(request: Request) -> None:
    """Guard: the plan of the path exists."""
    await plans.find_plan(billing_of(request), request.path_params["plan_id"])


@router.post(
    "/api/v1/admin/plans/{plan_id}/retire",
    response_model=PlanForOperatorsView,
    tags=["operators"],
    summary="Retire a plan",
)
@guarded(operator_required, _known_plan)
@takes_idempotency_key
async def retire_plan(request: Request, plan_id: str) -> Response:
    """The plan, which nobody can subscribe to any more. Those who have it keep it."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, plan: Plan) -> Response:
            return await claim.keep(connection, 200, operators_view(plan))

        return await plans.retire_plan(billing_of(request), plan_id, actor_of(request), finish)

    return await idempotently(request, caller_of(request).account_id, work)


def plan_view(plan: Plan) -> PlanView:
    """A plan as the API shows it."""
    return {
        "id": plan.id,
        "name": plan.name,
        "price": plan.price,
        "interval": plan.interval,
        "interval_count": plan.interval_count,
        "trial_days": plan.trial_days,
        "max_activations": plan.max_activations,
        "lease_seconds": plan.lease_seconds,
        "entitlements": list(plan.entitlements),
    }


def operators_view(plan: Plan) -> PlanForOperatorsView:
    """The same with what only operators see."""
    return {
        **plan_view(plan),
        "status": "live" if plan.live else "retired",
        "stripe_product_id": plan.stripe_product_id,
        "stripe_price_id": plan.stripe_price_id,
    }


def _plan(body: CreatePlanBody) -> Plan:
    price = body.price.money()
    if not 0 < price.amount_minor <= MOST_MINOR or price.amount_minor % step_minor(price.currency):
        raise Invalid("/price/amount", f"must be from 1 to {MOST_MINOR} in steps of {step_minor(price.currency)}")
    if body.interval_count > MOST_INTERVALS[body.interval]:
        raise Invalid("/interval_count", f"must be from 1 to {MOST_INTERVALS[body.interval]}")
    return Plan(
        id=PlanId(body.id),
        name=body.name,
        price=price,
        interval=body.interval,
        interval_count=body.interval_count,
        trial_days=body.trial_days,
        max_activations=body.max_activations,
        lease_seconds=body.lease_seconds,
        entitlements=tuple(dict.fromkeys(body.entitlements)),
    )
