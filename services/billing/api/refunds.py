"""POST /api/v1/payments/{id}/refund: operators send money back. GET .../refunds: what went back, also for its owner."""

from datetime import datetime
from typing import Annotated, NotRequired

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of, caller_of
from services.billing.domain.refund import PREFIX, Refund, RefundStatus
from services.billing.use_cases import payments, refund_asking, refunds
from services.billing.use_cases.refund_asking import RefundOrder
from shared.db import Connection
from shared.doors import (
    CreditsField,
    MoneyField,
    MoneyView,
    StrictRoute,
    Text,
    Wire,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim, digest
from shared.money import Credits
from shared.service_auth import caller_required, operator_required

router = APIRouter(route_class=StrictRoute, tags=["payments"])


class RefundBody(Wire):
    """What to send back: all that is left where no amount is said."""

    amount: MoneyField | None = None
    reason: Text | None = None


class RefundView(TypedDict):
    """`credits` are those that it has taken back. The last three are operators' to see."""

    id: str
    payment_id: str
    amount: MoneyView
    credits: CreditsField
    status: Annotated[str, one_of(status for status in RefundStatus)]
    created_at: datetime
    reason: NotRequired[str | None]
    requested_by: NotRequired[str | None]
    failure_reason: NotRequired[str | None]


@refuses("not_found")
async def _known_payment(request: Request) -> None:
    """Guard: the payment of the path exists."""
    await refund_asking.find_payment(billing_of(request), request.path_params["payment_id"])


@refuses("not_found")
async def _readable_payment(request: Request) -> None:
    """Guard: the payment of the path is the caller's, or an operator asks."""
    if caller_of(request).role == "operator":
        await _known_payment(request)
    else:
        billing, account_id = billing_of(request), caller_of(request).account_id
        await payments.find_payment(billing, account_id, request.path_params["payment_id"])


@router.post(
    "/api/v1/payments/{payment_id}/refund",
    status_code=201,
    response_model=RefundView,
    tags=["operators"],
    summary="Refund a payment",
)
@guarded(operator_required, _known_payment)
@refuses("not_refundable", "refund_exceeds_payment", "service_unavailable")
@takes_idempotency_key
async def refund_payment(request: Request, payment_id: str, body: RefundBody) -> Response:
    """201 with the refund; `pending` while Stripe is at it. 409 `not_refundable`, 422 `refund_exceeds_payment`."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, refund: Refund) -> Response:
            return await claim.keep(connection, 201, operators_view(refund))

        return await refund_asking.refund_payment(billing_of(request), _order(request, payment_id, body, claim), finish)

    return await idempotently(request, caller_of(request).account_id, work)


@router.get(
    "/api/v1/payments/{payment_id}/refunds", response_model=Page[RefundView], summary="List a payment's refunds"
)
@guarded(caller_required, _readable_payment)
async def list_refunds(request: Request, payment_id: str, limit: Limit = 20, after: After = None) -> Response:
    """Newest first. Operators also see who asked for each, and why."""
    cursor = checked_cursor(PREFIX, after)
    found = await refunds.list_refunds(billing_of(request), payment_id, after=cursor, limit=limit + 1)
    return page(found, limit, operators_view if caller_of(request).role == "operator" else refund_view)


def refund_view(refund: Refund) -> RefundView:
    """A refund as the API shows it to its payment's owner."""
    status = RefundStatus.PENDING if refund.asked_for else refund.status
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "amount": refund.amount,
        "credits": Credits(refund.credits_taken),
        "status": status.value,
        "created_at": refund.created_at,
    }


def operators_view(refund: Refund) -> RefundView:
    """The same, with who asked for it and why, which is no business of the customer's."""
    return {
        **refund_view(refund),
        "reason": refund.reason,
        "requested_by": refund.requested_by,
        "failure_reason": refund.failure_reason,
    }


def _order(request: Request, payment_id: str, body: RefundBody, claim: Claim) -> RefundOrder:
    return RefundOrder(
        payment_id=payment_id,
        amount=None if body.amount is None else body.amount.money(),
        reason=body.reason,
        requested_by=caller_of(request).account_id,
        request_id=request.state.request_id,
        asked_key=None if claim.key is None else _asked_key(request, claim),
    )


def _asked_key(request: Request, claim: Claim) -> bytes:
    """What a repeat of the request is known by where its claim was given back: Stripe's answer was not known."""
    path = f"{request.method} {request.url.path}"
    return digest(f"{claim.scope} {path}\n{claim.key}".encode(), claim.pepper)
