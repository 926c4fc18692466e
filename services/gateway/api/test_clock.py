"""The test clock, for operators. Nothing of it exists in production: its router is not even installed there."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.gateway.api.guards import actor_of, gateway_of, operator_required
from services.gateway.use_cases.test_clock import MOST_SECONDS, advance_clock, show_clock
from shared.doors import StrictRoute, Wire, answer, guarded, refuses

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin/test-clock", tags=["operators"])


class AdvanceBody(Wire):
    seconds: Annotated[int, Field(ge=1, le=MOST_SECONDS)]


class TestClockView(TypedDict):
    """`next_due` is when something falls due by itself next, null where nothing does."""

    now: datetime
    real_now: datetime
    ahead_seconds: int
    next_due: datetime | None


class AdvancedView(TypedDict):
    now: datetime


@router.get("", response_model=TestClockView, summary="Business time, which a test may move")
@guarded(operator_required)
@refuses("not_found", "clock_not_settled")
async def get_clock(request: Request) -> Response:
    """Not in production."""
    shown = await show_clock(gateway_of(request))
    view: TestClockView = {
        "now": shown.now,
        "real_now": shown.real_now,
        "ahead_seconds": shown.ahead_seconds,
        "next_due": shown.next_due,
    }
    return answer(view)


@router.post("/advance", response_model=AdvancedView, summary="Move business time on")
@guarded(operator_required)
@refuses("not_found", "clock_busy", "clock_not_settled")
async def advance(request: Request, body: AdvanceBody) -> Response:
    """Not in production. Stops wherever something falls due, in the platform or in the Stripe sandbox; answers once all
    of it has been done."""
    view: AdvancedView = {"now": await advance_clock(gateway_of(request), actor_of(request), body.seconds)}
    return answer(view)
