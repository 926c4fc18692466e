"""Operators look at anybody's payments, and have one explained."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.billing.api.guards import billing_of
from services.billing.domain.payment import PREFIX, Status
from services.billing.use_cases.explain import explain_payment, list_all_payments, operators_view
from services.billing.use_cases.refund_asking import find_payment
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import After, Limit, checked_cursor, page
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

AccountId = Annotated[
    str | None, Query(pattern=r"^acct_[0-9A-HJKMNP-TV-Z]{26}$", description="Only payments of this account.")
]


async def _known_payment(request: Request) -> None:
    """Guard: the payment of the path exists."""
    await find_payment(billing_of(request), request.path_params["payment_id"])


@router.get("/api/v1/admin/payments", summary="List everybody's payments")
@guarded(operator_required)
async def list_payments(
    request: Request,
    limit: Limit = 20,
    after: After = None,
    status: Status | None = None,
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


@router.get("/api/v1/admin/payments/{payment_id}/explain", summary="Explain a payment")
@guarded(operator_required, _known_payment)
async def explain(request: Request, payment_id: str) -> Response:
    """The payment and its story in order of time: each line with its `at`, `kind`, `text` and the ids that it is
    about."""
    return answer((await explain_payment(billing_of(request).database, payment_id)).as_view())
