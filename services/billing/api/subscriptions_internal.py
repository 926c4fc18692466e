"""GET /internal/v1/subscriptions/{id}: a subscription as siblings hear of it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.billing.api.guards import billing_of
from services.billing.use_cases.subscription_news import subscription_facts
from shared.doors import StrictRoute, answer, guarded
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get("/internal/v1/subscriptions/{subscription_id}")
@guarded(service_required)
async def read_subscription(request: Request, subscription_id: str) -> Response:
    """As `shared.contracts.subscriptions` has it."""
    return answer(await subscription_facts(billing_of(request), subscription_id))
