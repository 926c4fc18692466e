"""Operators reconcile with Stripe, and read what was found."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.billing.api.guards import actor_of, billing_of
from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.use_cases.reconciliation import REPORT_PREFIX, list_reports, reconcile
from services.billing.use_cases.saved_cards import stripe_is_away
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import After, Limit, checked_cursor, page
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])


@router.get("/api/v1/admin/reconciliations", summary="List reconciliations with Stripe")
@guarded(operator_required)
async def list_reconciliations(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Finished ones, newest first."""
    cursor = checked_cursor(REPORT_PREFIX, after)
    found = await list_reports(billing_of(request), after=cursor, limit=limit + 1)
    return page(found, limit, lambda report: report.as_view())


@router.post("/api/v1/admin/reconciliations", status_code=201, summary="Reconcile with Stripe now")
@guarded(operator_required)
async def begin_reconciliation(request: Request) -> Response:
    """201 with the report: what was compared, repaired, and what still differs."""
    try:
        report = await reconcile(billing_of(request), actor=actor_of(request))
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error
    assert report is not None, "no distance was asked for"
    return answer(report.as_view(), 201)
