"""Operators reconcile with Stripe, and read what was found."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import actor_of, billing_of
from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.domain.reconciliation import Kind
from services.billing.use_cases.reconciliation import REPORT_PREFIX, list_reports, reconcile
from services.billing.use_cases.saved_cards import stripe_is_away
from shared.doors import MoneyView, StrictRoute, Wire, answer, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])


class ReconcileBody(Wire):
    """How many days back to look; the setting's where it is not said."""

    days: Annotated[int, Field(ge=1, le=30)] | None = None


class DifferenceView(TypedDict):
    """Where we and Stripe did not agree about `subject` (Stripe's id, or a currency)."""

    kind: Kind
    subject: str
    ours: str
    theirs: str
    repaired: bool


class ReconciliationView(TypedDict):
    """`checked` counts what was compared, by its kind; `drift` is Stripe's balance less the ledger's account of it."""

    id: str
    days: int
    started_at: datetime
    finished_at: datetime
    agrees: bool
    checked: dict[str, int]
    repaired: int
    differences: list[DifferenceView]
    drift: list[MoneyView]


@router.get(
    "/api/v1/admin/reconciliations",
    response_model=Page[ReconciliationView],
    summary="List reconciliations with Stripe",
)
@guarded(operator_required)
async def list_reconciliations(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Finished ones, newest first."""
    cursor = checked_cursor(REPORT_PREFIX, after)
    found = await list_reports(billing_of(request), after=cursor, limit=limit + 1)
    return page(found, limit, lambda report: report.as_view())


@router.post(
    "/api/v1/admin/reconciliations",
    status_code=201,
    response_model=ReconciliationView,
    summary="Reconcile with Stripe now",
)
@guarded(operator_required)
@refuses("service_unavailable")
async def begin_reconciliation(request: Request, body: ReconcileBody | None = None) -> Response:
    """201 with the report: what was compared, repaired, and what still differs."""
    try:
        report = await reconcile(billing_of(request), actor=actor_of(request), days=body.days if body else None)
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error
    assert report is not None, "no distance was asked for"
    return answer(report.as_view(), 201)
