"""The audit trail, for operators: the gateway's own lines and billing's."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.gateway.api.guards import gateway_of, operator_required
from services.gateway.use_cases.audit import Trail, read_audit
from shared.audit import PREFIX
from shared.doors import StrictRoute, guarded
from shared.doors.lists import After, Limit, checked_cursor, invalid_cursor, page

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin", tags=["operators"])

Service = Annotated[Trail | None, Query(description="Only what this service wrote; both unless told.")]


@router.get("/audit", summary="Who did what, the newest first")
@guarded(operator_required)
async def list_audit(request: Request, limit: Limit = 20, after: After = None, service: Service = None) -> Response:
    """What was done by hand, and by whom: an account, `system`, or the `command line` of the machine."""
    trails = tuple(Trail) if service is None else (service,)
    cursor = checked_cursor(PREFIX, after)
    found = await read_audit(gateway_of(request), trails=trails, after=cursor, limit=limit + 1)
    if found is None:
        raise invalid_cursor()
    return page(found, limit, lambda line: line)
