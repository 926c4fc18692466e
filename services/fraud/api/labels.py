"""`POST /api/v1/admin/fraud/labels`: an operator says what a payment was."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import StringConstraints
from starlette.responses import Response
from typing_extensions import TypedDict

from services.fraud.api.guards import actor_of, fraud_of
from services.fraud.domain.label import Label, Source
from services.fraud.use_cases.labels import say
from shared.db import Connection
from shared.doors import StrictRoute, Wire, answer, guarded, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.idempotency import Claim
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])


class LabelBody(Wire):
    payment_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$")]
    is_fraud: bool


class PaymentLabelView(TypedDict):
    payment_id: str
    is_fraud: bool
    source: Source
    known_at: datetime


@router.post(
    "/api/v1/admin/fraud/labels", status_code=201, response_model=PaymentLabelView, summary="Say what a payment was"
)
@guarded(operator_required)
@takes_idempotency_key
async def label_payment(request: Request, body: LabelBody) -> Response:
    """For what rules are measured and models trained by: from now on, never for what was judged before. An operator's
    word counts before a bank's and a review's, the latest of several."""
    fraud, actor = fraud_of(request), actor_of(request)

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, label: Label) -> None:
            await claim.keep(connection, 201, _view(label))

        return answer(_view(await say(fraud, actor, body.payment_id, is_fraud=body.is_fraud, keep=keep)), 201)

    return await idempotently(request, actor.account_id, work)


def _view(label: Label) -> PaymentLabelView:
    return {
        "payment_id": label.payment_id,
        "is_fraud": label.is_fraud,
        "source": label.source,
        "known_at": label.known_at,
    }
