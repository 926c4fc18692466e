"""Operators look at anybody's payments, and have one explained."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, WithJsonSchema
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of
from services.billing.api.payments import ReasonView
from services.billing.domain.payment import PREFIX, Status
from services.billing.domain.payment_story.facts import LineKind
from services.billing.use_cases.explain import explain_payment, list_all_payments, operators_view
from services.billing.use_cases.refund_asking import find_payment
from shared.doors import CreditsField, MoneyView, StrictRoute, answer, guarded, one_of, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

AccountId = Annotated[
    str | None, Query(pattern=r"^acct_[0-9A-HJKMNP-TV-Z]{26}$", description="Only payments of this account.")
]


class PaymentForOperatorsView(TypedDict):
    """A payment with Stripe's ids and its flags."""

    id: str
    account_id: str
    type: str
    status: Annotated[str, one_of(Status)]
    origin: str
    amount: MoneyView
    refunded: MoneyView
    usd: MoneyView
    rate: str
    credits: CreditsField
    score: int | float | None
    reasons: list[ReasonView]
    flags: list[str]
    session_id: str | None
    intent_id: str | None
    charge_id: str | None
    created_at: datetime
    expires_at: datetime | None
    succeeded_at: datetime | None


class StoryLineView(TypedDict):
    """What happened when. Further members name what it is about, by our ids and Stripe's."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    at: datetime
    kind: LineKind
    text: str


class ExplainedPaymentView(TypedDict):
    payment: PaymentForOperatorsView
    story: list[StoryLineView]


OfStatus = Annotated[
    Annotated[Status, WithJsonSchema({"type": "string", "enum": [status.value for status in Status]})] | None,
    Query(description="Only payments of this status."),
]


@refuses("not_found")
async def _known_payment(request: Request) -> None:
    """Guard: the payment of the path exists."""
    await find_payment(billing_of(request), request.path_params["payment_id"])


@router.get("/api/v1/admin/payments", response_model=Page[PaymentForOperatorsView], summary="List everybody's payments")
@guarded(operator_required)
async def list_payments(
    request: Request,
    limit: Limit = 20,
    after: After = None,
    status: OfStatus = None,
    account_id: AccountId = None,
) -> Response:
    """Newest first."""
    found = await list_all_payments(
        billing_of(request).database,
        status=status,
        account_id=account_id,
        after=checked_cursor(PREFIX, after),
        limit=limit + 1,
    )
    return page(found, limit, operators_view)


@router.get(
    "/api/v1/admin/payments/{payment_id}/explain", response_model=ExplainedPaymentView, summary="Explain a payment"
)
@guarded(operator_required, _known_payment)
async def explain(request: Request, payment_id: str) -> Response:
    """The payment and its story in order of time: each line with its `at`, `kind`, `text` and the ids that it is
    about."""
    return answer((await explain_payment(billing_of(request).database, payment_id)).as_view())
