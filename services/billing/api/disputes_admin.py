"""Operators look at disputes."""

from enum import StrEnum

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.billing.api.guards import billing_of
from services.billing.domain.dispute import PREFIX, Dispute
from services.billing.domain.disputing import STATUSES
from services.billing.use_cases import disputes
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import After, Limit, checked_cursor, page
from shared.money import Credits
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

Status = StrEnum("Status", {status.upper(): status for status in sorted(STATUSES)})  # type: ignore[misc]
"""Stripe's."""


async def _known_dispute(request: Request) -> None:
    """Guard: the dispute of the path exists. Leaves it on `request.state.dispute`."""
    request.state.dispute = await disputes.read_dispute(billing_of(request), request.path_params["dispute_id"])


@router.get("/api/v1/admin/disputes", summary="List disputes")
@guarded(operator_required)
async def list_disputes(
    request: Request, limit: Limit = 20, after: After = None, status: Status | None = None
) -> Response:
    """Newest first."""
    cursor = checked_cursor(PREFIX, after)
    wanted = None if status is None else str(status)
    found = await disputes.list_disputes(billing_of(request), status=wanted, after=cursor, limit=limit + 1)
    return page(found, limit, _view)


@router.get("/api/v1/admin/disputes/{dispute_id}", summary="Read a dispute")
@guarded(operator_required, _known_dispute)
async def read_dispute(request: Request, dispute_id: str) -> Response:
    """The dispute as it is now."""
    return answer(_view(request.state.dispute))


def _view(dispute: Dispute) -> dict[str, object]:
    """`credits` were taken when it opened, `uncovered` is the part of them that the wallet did not have. The instants
    are null for what has not happened."""
    return {
        "id": dispute.id,
        "stripe_dispute_id": dispute.stripe_dispute_id,
        "payment_id": dispute.payment_id,
        "account_id": dispute.account_id,
        "status": dispute.status,
        "reason": dispute.reason,
        "amount": dispute.amount,
        "credits": Credits(dispute.millicredits),
        "uncovered": Credits(dispute.uncovered_millicredits),
        "due_by": dispute.due_by,
        "opened_at": dispute.opened_at,
        "lost_at": dispute.lost_at,
        "won_at": dispute.won_at,
        "funds_withdrawn_at": dispute.withdrawn_at,
        "funds_reinstated_at": dispute.reinstated_at,
        "created_at": dispute.created_at,
    }
