"""Operators look at disputes and answer them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import actor_of, billing_of, caller_of
from services.billing.domain.dispute import PREFIX, Dispute, Evidence
from services.billing.domain.disputing import STATUSES
from services.billing.domain.payment_step import CauseKind
from services.billing.use_cases import disputes
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.dispute_evidence import answer_dispute
from shared.db import Connection
from shared.doors import (
    CreditsField,
    MoneyView,
    StrictRoute,
    Wire,
    answer,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.money import Credits
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

DisputeStatus = StrEnum("DisputeStatus", {status.upper(): status for status in sorted(STATUSES)})  # type: ignore[misc]
"""Stripe's."""

LongText = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]
"""Lines of text: as much as Stripe takes in one field."""


class DisputeView(TypedDict):
    """`credits` were taken when it opened, `uncovered` is the part of them that the wallet did not have. The instants
    are null for what has not happened."""

    id: str
    stripe_dispute_id: str
    payment_id: str
    account_id: str
    status: Annotated[str, one_of(sorted(STATUSES))]
    reason: str
    amount: MoneyView
    credits: CreditsField
    uncovered: CreditsField
    due_by: datetime | None
    opened_at: datetime | None
    lost_at: datetime | None
    won_at: datetime | None
    funds_withdrawn_at: datetime | None
    funds_reinstated_at: datetime | None
    created_at: datetime


@refuses("not_found")
async def _known_dispute(request: Request) -> None:
    """Guard: the dispute of the path exists. Leaves it on `request.state.dispute`."""
    request.state.dispute = await disputes.read_dispute(billing_of(request), request.path_params["dispute_id"])


@router.get("/api/v1/admin/disputes", response_model=Page[DisputeView], summary="List disputes")
@guarded(operator_required)
async def list_disputes(
    request: Request, limit: Limit = 20, after: After = None, status: DisputeStatus | None = None
) -> Response:
    """Newest first."""
    cursor = checked_cursor(PREFIX, after)
    wanted = None if status is None else str(status)
    found = await disputes.list_disputes(billing_of(request), status=wanted, after=cursor, limit=limit + 1)
    return page(found, limit, _view)


@router.get("/api/v1/admin/disputes/{dispute_id}", response_model=DisputeView, summary="Read a dispute")
@guarded(operator_required, _known_dispute)
async def read_dispute(request: Request, dispute_id: str) -> Response:
    """The dispute as it is now."""
    return answer(_view(request.state.dispute))


class EvidenceBody(Wire):
    """Plain text for the bank: what was sold and how it was used."""

    text: LongText
    access_log: LongText | None = None


@router.post("/api/v1/admin/disputes/{dispute_id}/evidence", response_model=DisputeView, summary="Answer a dispute")
@guarded(operator_required, _known_dispute)
@refuses("dispute_not_answerable", "service_unavailable")
@takes_idempotency_key
async def submit_evidence(request: Request, dispute_id: str, body: EvidenceBody) -> Response:
    """Hand evidence to the bank, which takes it once. The dispute as it then stands; 409 `dispute_not_answerable`."""

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, dispute: Dispute) -> Response:
            return await claim.keep(connection, 200, _view(dispute))

        evidence = Evidence(body.text, body.access_log)
        with caused_by(CauseKind.OPERATOR, caller_of(request).account_id):
            return await answer_dispute(billing_of(request), actor_of(request), dispute_id, evidence, keep=keep)

    return await idempotently(request, caller_of(request).account_id, work)


def _view(dispute: Dispute) -> DisputeView:
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
