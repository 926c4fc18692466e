"""POST /api/v1/payments: a sale of the operator's, paid at once by the card that it names (U7, U8)."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from services.billing.api.buyers import buyer_of
from services.billing.api.guards import active_caller_required, billing_of, caller_of
from services.billing.api.payments import PaymentView, payment_view
from services.billing.domain.business_types import BusinessType
from services.billing.domain.payment import Payment, Status
from services.billing.domain.sale import SaleOrder
from services.billing.use_cases.sales import sell
from shared.db import Connection
from shared.doors import MoneyField, StrictRoute, Text, Wire, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.errors import Invalid
from shared.idempotency import Claim, digest

router = APIRouter(route_class=StrictRoute, tags=["payments"])

MinorUnits = Annotated[int, Field(ge=0, le=99_999_999_999)]


class SaleBody(Wire):
    """What is sold. `amount` is all that is charged, and `tip` the part of it that is a tip: money, or a number in the
    minor unit of the amount's currency. `payment_method` is a payment method of Stripe's. Where the bank asks for its
    customer, he goes on from there to `return_url`."""

    business_type: Annotated[BusinessType, Field(strict=False)]
    amount: MoneyField
    device_id: Annotated[str, Field(min_length=1, max_length=64)]
    payment_method: Annotated[str, Field(pattern=r"^pm_[A-Za-z0-9_]{1,250}$")]
    tip: MoneyField | MinorUnits | None = None
    description: Text | None = None
    return_url: Annotated[str, Field(max_length=4_000)] | None = None


@router.post(
    "/api/v1/payments",
    status_code=201,
    response_model=PaymentView,
    responses={202: {"model": PaymentView, "description": "The payment waits in review."}},
    summary="Pay for a sale",
)
@guarded(active_caller_required)
@refuses(
    "amount_out_of_range",
    "tip_out_of_range",
    "verification_required",
    "device_not_allowed",
    "outside_hours",
    "daily_limit_exceeded",
    "spending_limit_exceeded",
    "credit_limit_exceeded",
    "payment_blocked",
    "payment_not_pending",
    "card_declined",
    "rate_limited",
    "service_unavailable",
)
@takes_idempotency_key
async def make_payment(request: Request, body: SaleBody) -> Response:
    """201 with the payment: `succeeded`; `requires_action` where the bank wants its customer at `next_action_url`; or
    `pending` where the charge's outcome is not known yet. 202 where it waits in review."""

    async def work(claim: Claim) -> Response:
        billing = billing_of(request)

        async def finish(connection: Connection, payment: Payment) -> Response:
            status = 202 if payment.status is Status.IN_REVIEW else 201
            return await claim.keep(connection, status, payment_view(payment, billing.clock.now()))

        return await sell(billing, buyer_of(request), _order(request, body, claim), finish)

    return await idempotently(request, caller_of(request).account_id, work)


def _order(request: Request, body: SaleBody, claim: Claim) -> SaleOrder:
    return SaleOrder(
        business_type=body.business_type,
        amount=body.amount.money(),
        device_id=body.device_id,
        payment_method=body.payment_method,
        tip_minor=_tip_minor(body),
        description=body.description,
        return_url=body.return_url,
        asked_key=None if claim.key is None else _asked_key(request, claim),
    )


def _tip_minor(body: SaleBody) -> int:
    if body.tip is None or isinstance(body.tip, int):
        return body.tip or 0
    if body.tip.currency != body.amount.currency:
        raise Invalid("/tip/currency", f"must be the amount's, {body.amount.currency}")
    return body.tip.amount


def _asked_key(request: Request, claim: Claim) -> bytes:
    """What a repeat of the request is known by where its claim was given back. With another body it is another."""
    said = f"{claim.scope} {request.method} {request.url.path}\n{claim.key}\n".encode()
    return digest(said + getattr(request.state, "body", b""), claim.pepper)
