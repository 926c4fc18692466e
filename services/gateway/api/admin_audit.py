"""The audit trail, for operators: the gateway's own lines and its siblings'."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.gateway.api.guards import gateway_of, operator_required
from services.gateway.use_cases.audit import Trail, read_audit
from shared.audit import PREFIX
from shared.doors import StrictRoute, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, invalid_cursor, page

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin", tags=["operators"])

Service = Annotated[Trail | None, Query(description="Only what this service wrote; all unless told.")]


class AuditEntryView(TypedDict):
    """Who did what to what, and which service wrote it down. `details` depend on the action."""

    id: str
    service: Trail
    created_at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    request_id: str | None


@router.get("/audit", response_model=Page[AuditEntryView], summary="Who did what, the newest first")
@guarded(operator_required)
@refuses("billing_unavailable", "service_unavailable")
async def list_audit(request: Request, limit: Limit = 20, after: After = None, service: Service = None) -> Response:
    """What was done by hand, and by whom: an account, `system`, or the `command line` of the machine."""
    trails = tuple(Trail) if service is None else (service,)
    cursor = checked_cursor(PREFIX, after)
    found = await read_audit(gateway_of(request), trails=trails, after=cursor, limit=limit + 1)
    if found is None:
        raise invalid_cursor()
    return page(found, limit, lambda line: line)
