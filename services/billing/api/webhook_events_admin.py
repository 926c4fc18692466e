"""Operators look at Stripe's events and have them worked on again (U11)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import actor_of, billing_of
from services.billing.store.webhook_events import Status, StoredEvent
from services.billing.use_cases import webhooks
from shared.doors import StrictRoute, answer, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

About = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9_.\-]{1,250}$",
        description="Only events that name this object of Stripe's, or payment of ours, by its id.",
    ),
]


class WebhookEventView(TypedDict):
    """One of Stripe's events. `error` is why it was ignored, or why it failed last."""

    id: str
    stripe_event_id: str
    type: str
    api_version: str | None
    status: Status
    attempts: int
    error: str | None
    received_at: datetime
    handled_at: datetime | None


@refuses("not_found")
async def _known_event(request: Request) -> None:
    """Guard: the event of the path exists."""
    await webhooks.require_event(billing_of(request), request.path_params["event_id"])


@router.get("/api/v1/admin/webhook-events", response_model=Page[WebhookEventView], summary="List Stripe's events")
@guarded(operator_required)
async def list_webhook_events(
    request: Request,
    limit: Limit = 20,
    after: After = None,
    status: Status | None = None,
    about: About = None,
) -> Response:
    """Newest first."""
    cursor = checked_cursor(webhooks.EVENT_PREFIX, after)
    found = await webhooks.list_events(
        billing_of(request).database, status=status, about=about, after=cursor, limit=limit + 1
    )
    return page(found, limit, StoredEvent.as_view)


@router.post(
    "/api/v1/admin/webhook-events/{event_id}/replay",
    response_model=WebhookEventView,
    summary="Work on an event again",
)
@guarded(operator_required, _known_event)
async def replay_webhook_event(request: Request, event_id: str) -> Response:
    """The event as it then waits. What it did already is not done twice."""
    return answer((await webhooks.replay_event(billing_of(request), actor_of(request), event_id)).as_view())
