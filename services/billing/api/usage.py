"""GET /api/v1/usage and /api/v1/usage/requests/{request_id}: what an account's calls were and cost."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of, caller_of
from services.billing.api.instants import instant_of
from services.billing.domain.ledger.transfer import PREFIX as ENTRY_PREFIX
from services.billing.domain.ledger.usage import Bucket, CallHold, Story
from services.billing.use_cases import usage
from shared import ids
from shared.doors import CreditsField, StrictRoute, answer, guarded, refuses
from shared.doors.describing import SESSION_OR_KEY
from shared.money import Credits
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["usage"])

Day = Annotated[str | None, Query(max_length=40, description="A date, or an RFC 3339 time.")]


class UsageSumView(TypedDict):
    """`bucket` is a date, a time, a route's name or a key's id."""

    bucket: str
    calls: int
    tokens: int
    credits: CreditsField


class UsageView(TypedDict):
    data: list[UsageSumView]


class UnitsView(TypedDict):
    calls: int
    tokens: int
    units: int


class HoldView(TypedDict):
    held: CreditsField
    captured: CreditsField
    state: str
    expires_at: datetime


class CallView(TypedDict):
    """`transaction` is the charge or capture, as the list of transactions has it; `sealed_at` is that one's."""

    request_id: str
    route: str
    key_id: str
    units: UnitsView
    price_version: int
    held: CreditsField
    credits: CreditsField
    outcome: str
    flagged: bool
    latency_ms: int | None
    created_at: datetime
    hold: HoldView | None
    transaction: str | None
    reversal: str | None
    sealed_at: datetime | None


@refuses("not_found")
async def _own_call(request: Request) -> None:
    """Guard: the call of the path is the caller's. Leaves it on `request.state.call`."""
    request_id = ids.decode("req", request.path_params["request_id"])
    request.state.call = await usage.read_call(billing_of(request), caller_of(request).account_id, request_id)


@router.get("/api/v1/usage", response_model=UsageView, summary="Sum usage", openapi_extra=SESSION_OR_KEY)
@guarded(caller_required)
async def sum_usage(
    request: Request,
    start: Annotated[Day, Query(alias="from")] = None,
    to: Day = None,
    group_by: Literal["day", "hour", "route", "key"] = "day",
) -> Response:
    """Calls, tokens and credits by day, hour, route or key; the last 30 days unless told. A date as `to` includes
    that day; times are UTC."""
    sums = await usage.sum_usage(
        billing_of(request),
        caller_of(request).account_id,
        start=instant_of(start, "from") if start is not None else None,
        end=instant_of(to, "to", whole_day=True) if to is not None else None,
        by=Bucket(group_by),
    )
    return answer(
        {
            "data": [
                {"bucket": each.bucket, "calls": each.calls, "tokens": each.tokens, "credits": Credits(each.credits)}
                for each in sums
            ]
        }
    )


@router.get(
    "/api/v1/usage/requests/{request_id}",
    response_model=CallView,
    summary="Read one call",
    openapi_extra=SESSION_OR_KEY,
)
@guarded(caller_required, _own_call)
async def read_call(request: Request, request_id: str) -> Response:
    """What one call used, held and cost, how it ended, and what it left in the ledger."""
    return answer(_story_view(request.state.call))


def _story_view(story: Story) -> CallView:
    call = story.call
    return {
        "request_id": ids.encode("req", call.request_id),
        "route": call.route,
        "key_id": call.key_id,
        "units": {"calls": call.calls, "tokens": call.tokens, "units": call.units},
        "price_version": call.price_version,
        "held": Credits(call.held),
        "credits": Credits(call.credits),
        "outcome": call.outcome,
        "flagged": call.flagged,
        "latency_ms": call.latency_ms,
        "created_at": call.created_at,
        "hold": _hold_view(story.hold) if story.hold else None,
        "transaction": ids.encode(ENTRY_PREFIX, story.transfer_id) if story.transfer_id else None,
        "reversal": ids.encode(ENTRY_PREFIX, story.reversal_id) if story.reversal_id else None,
        "sealed_at": story.sealed_at,
    }


def _hold_view(hold: CallHold) -> HoldView:
    return {
        "held": Credits(hold.held),
        "captured": Credits(hold.captured),
        "state": hold.state,
        "expires_at": hold.expires_at,
    }
