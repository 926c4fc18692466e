"""POST /api/v1/credits/checkout: buy credits on Stripe's page (S8, S14)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.buyers import buyer_of
from services.billing.api.guards import active_caller_required, billing_of, caller_of
from services.billing.domain.payment import Payment, Status
from services.billing.use_cases.checkout import CheckoutOrder, check_out
from shared.db import Connection
from shared.doors import (
    StrictRoute,
    WholeCreditsField,
    Wire,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.idempotency import Claim
from shared.money import MILLICREDITS_PER_CREDIT

router = APIRouter(route_class=StrictRoute, tags=["payments"])

Address = Annotated[str, Field(max_length=4_000)]


class CheckoutBody(Wire):
    """What to buy, and where the customer goes afterwards. With `save_card` the card that pays is kept for automatic
    top-ups."""

    credits: WholeCreditsField
    currency: Annotated[str, Field(max_length=16)] = "usd"
    success_url: Address | None = None
    cancel_url: Address | None = None
    device_id: Annotated[str, Field(max_length=64)] | None = None
    save_card: bool = False


class CheckoutView(TypedDict):
    """Where to pay, and until when."""

    payment_id: str
    checkout_url: str | None
    expires_at: datetime | None


class PaymentInReviewView(TypedDict):
    """A payment that somebody looks at first."""

    payment_id: str
    status: Annotated[str, one_of((Status.IN_REVIEW,))]


@router.post(
    "/api/v1/credits/checkout",
    status_code=201,
    response_model=CheckoutView,
    responses={202: {"model": PaymentInReviewView, "description": "The payment waits in review."}},
    summary="Buy credits",
)
@guarded(active_caller_required)
@refuses("credit_limit_exceeded", "payment_blocked", "service_unavailable")
@takes_idempotency_key
async def begin_checkout(request: Request, body: CheckoutBody) -> Response:
    """201 `{payment_id, checkout_url, expires_at}`, or 202 where the payment waits in review."""

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, payment: Payment) -> Response:
            return await claim.keep(connection, *_answer(payment))

        return await check_out(billing_of(request), buyer_of(request), _order(body), finish)

    return await idempotently(request, caller_of(request).account_id, work)


def _answer(payment: Payment) -> tuple[int, CheckoutView | PaymentInReviewView]:
    if payment.status is Status.IN_REVIEW:
        return 202, {"payment_id": payment.id, "status": payment.status.value}
    return 201, {
        "payment_id": payment.id,
        "checkout_url": payment.checkout_url,
        "expires_at": payment.expires_at,
    }


def _order(body: CheckoutBody) -> CheckoutOrder:
    return CheckoutOrder(
        credits=body.credits.millicredits // MILLICREDITS_PER_CREDIT,
        currency=body.currency,
        success_url=body.success_url,
        cancel_url=body.cancel_url,
        device_id=body.device_id,
        saves_card=body.save_card,
    )
