"""What siblings may know of an account: its standing, never its personal data."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.gateway.api.guards import gateway_of
from services.gateway.use_cases.profile import read_account
from shared.doors import StrictRoute, answer, guarded
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/internal/v1/accounts/{account_id}")
@guarded(service_required)
async def get_account(request: Request, account_id: str) -> Response:
    identity = (await read_account(gateway_of(request), account_id)).identity
    return answer(
        {
            "id": identity.account_id,
            "role": identity.role,
            "tier": identity.tier,
            "status": identity.status,
            "credit_limit_minor": identity.credit_limit_minor,
        }
    )
