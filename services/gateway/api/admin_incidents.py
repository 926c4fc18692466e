"""Incidents and bans, for operators (S2, S5)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.gateway.api.guards import actor_of, gateway_of, operator_required
from services.gateway.store.incidents import Incident
from services.gateway.use_cases import incidents
from shared.doors import StrictRoute, answer, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, invalid_cursor, page

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin", tags=["operators"])

Kind = Annotated[str | None, Query(max_length=64, pattern=r"^[a-z_]+$", description="Only incidents of this kind.")]


class IncidentView(TypedDict):
    """`details` depend on the kind."""

    id: str
    kind: str
    account_id: str | None
    key_id: str | None
    address: str | None
    details: dict[str, Any]
    created_at: datetime


@router.get("/incidents", response_model=Page[IncidentView], summary="Security incidents, newest first")
@guarded(operator_required)
async def list_incidents(request: Request, limit: Limit = 20, after: After = None, kind: Kind = None) -> Response:
    cursor = checked_cursor("inc", after)
    found = await incidents.list_incidents(gateway_of(request), kind=kind, after=cursor, limit=limit)
    if found is None:
        raise invalid_cursor()
    return page(found, limit, _shown)


@router.post("/api-keys/{key_id}/lift-ban", status_code=204, summary="Lift a key's ban")
@guarded(operator_required)
@refuses("not_found")
async def lift_ban(request: Request, key_id: str) -> Response:
    await incidents.lift_ban(gateway_of(request), actor_of(request), key_id)
    return answer(status=204)


def _shown(incident: Incident) -> IncidentView:
    return {
        "id": incident.id,
        "kind": incident.kind,
        "account_id": incident.account_id,
        "key_id": incident.key_id,
        "address": incident.address,
        "details": dict(incident.details),
        "created_at": incident.created_at,
    }
