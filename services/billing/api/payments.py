"""GET /api/v1/payments, GET /api/v1/payments/{id}, POST /api/v1/payments/{id}/cancel: the account's own. Sales are made
in `sales`."""

from datetime import datetime
from typing import Annotated, NotRequired

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import active_caller_required, billing_of, caller_of
from services.billing.domain.payment import PREFIX, SALE, Payment, Status
from services.billing.domain.pricing import rate_text
from services.billing.domain.score import score_number
from services.billing.use_cases import payments
from shared.doors import (
    CreditsField,
    MoneyView,
    StrictRoute,
    answer,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.money import Credits, Money
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["payments"])


class ReasonView(TypedDict):
    """Why a payment was judged as it was."""

    code: str
    detail: str


class FailureView(TypedDict):
    code: str


class PaymentView(TypedDict):
    """Addresses are there while they lead somewhere, `failure` where it failed, `credits` and `rate` where it buys
    credits: what one thousand of them cost. Of a sale, `tip` is the part of the amount that is a tip."""

    id: str
    type: Annotated[str, one_of(("credits", "sale", "subscription"))]
    status: Annotated[str, one_of(Status)]
    amount: MoneyView
    score: int | float | None
    reasons: list[ReasonView]
    refunded: MoneyView
    created_at: datetime
    failure: NotRequired[FailureView]
    credits: NotRequired[CreditsField]
    rate: NotRequired[str]
    business_type: NotRequired[str]
    tip: NotRequired[MoneyView]
    device_id: NotRequired[str]
    description: NotRequired[str]
    checkout_url: NotRequired[str | None]
    next_action_url: NotRequired[str | None]


@refuses("not_found")
async def _own_payment(request: Request) -> None:
    """Guard: the payment of the path is the caller's. Leaves it on `request.state.payment`."""
    request.state.payment = await payments.find_payment(
        billing_of(request), caller_of(request).account_id, request.path_params["payment_id"]
    )


@router.get("/api/v1/payments", response_model=Page[PaymentView], summary="List payments")
@guarded(caller_required)
async def list_payments(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Newest first."""
    billing, cursor = billing_of(request), checked_cursor(PREFIX, after)
    found = await payments.list_payments(billing, caller_of(request).account_id, after=cursor, limit=limit + 1)
    now = billing.clock.now()
    return page(found, limit, lambda payment: payment_view(payment, now))


@router.get("/api/v1/payments/{payment_id}", response_model=PaymentView, summary="Read a payment")
@guarded(caller_required, _own_payment)
async def read_payment(request: Request, payment_id: str) -> Response:
    """The payment as it is now."""
    return answer(payment_view(request.state.payment, billing_of(request).clock.now()))


@router.post("/api/v1/payments/{payment_id}/cancel", response_model=PaymentView, summary="Leave a payment")
@guarded(active_caller_required, _own_payment)
@refuses("not_cancelable", "payment_already_paid", "payment_not_pending", "service_unavailable")
@takes_idempotency_key
async def cancel_payment(request: Request, payment_id: str) -> Response:
    """End a pending payment and free what it reserved; 409 where it is paid or over."""

    async def work(claim: Claim) -> Response:
        billing = billing_of(request)
        payment = await payments.cancel_payment(billing, caller_of(request).account_id, payment_id)
        async with billing.database.transaction() as connection:
            return await claim.keep(connection, 200, payment_view(payment, billing.clock.now()))

    return await idempotently(request, caller_of(request).account_id, work)


def payment_view(payment: Payment, now: datetime) -> PaymentView:
    """A payment as the API shows it."""
    view: PaymentView = {
        "id": payment.id,
        "type": payment.type,
        "status": payment.status.value,
        "amount": payment.amount,
        "score": score_number(payment.score),
        "reasons": [{"code": reason.code, "detail": reason.detail} for reason in payment.reasons],
        "refunded": Money(payment.refunded_minor, payment.amount.currency),
        "created_at": payment.created_at,
    }
    if payment.failure_code is not None:
        view["failure"] = {"code": payment.failure_code}
    if payment.type == "credits":
        view["credits"] = Credits(payment.millicredits)
        view["rate"] = rate_text(payment.rate_micros)
    if payment.type == SALE:
        _add_sale(view, payment)
    if payment.payable_at(now):
        if payment.type != SALE:
            view["checkout_url"] = payment.checkout_url
        if payment.status is Status.REQUIRES_ACTION:
            view["next_action_url"] = payment.checkout_url
    return view


def _add_sale(view: PaymentView, payment: Payment) -> None:
    assert payment.business_type is not None and payment.device_id is not None
    view["business_type"], view["device_id"] = payment.business_type, payment.device_id
    if payment.tip_minor:
        view["tip"] = Money(payment.tip_minor, payment.amount.currency)
    if payment.description is not None:
        view["description"] = payment.description
