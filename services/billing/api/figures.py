"""GET /internal/v1/figures: what the gateway's /metrics shows of payments (C9)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.billing.api.guards import billing_of
from services.billing.use_cases.figures import PERIOD, figures_of
from shared.contracts.figures import PATH, PaymentFigures
from shared.doors import StrictRoute, answer, guarded
from shared.service_auth import service_required

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.get(PATH)
@guarded(service_required)
async def read_figures(request: Request) -> Response:
    """As `shared.contracts.figures` has it."""
    found = await figures_of(billing_of(request))
    told: PaymentFigures = {
        "period_days": PERIOD.days,
        "begun": found.begun,
        "paid": found.paid,
        "by_status": {status.value: count for status, count in found.by_status.items()},
        "gross_usd_minor": found.gross_usd_minor,
        "refunded_usd_minor": found.refunded_usd_minor,
        "disputed_usd_minor": found.disputed_usd_minor,
        "net_usd_minor": found.net_usd_minor,
        "paying_accounts": found.paying_accounts,
    }
    return answer(told)
