"""POST /api/webhooks/stripe and /webhook/stripe: Stripe's events (U1). The signature is the credential."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of
from services.billing.use_cases.webhooks import MAX_BODY_BYTES, receive_event
from shared.doors import StrictRoute, answer, refuses
from shared.doors.routing import read_bounded

router = APIRouter(route_class=StrictRoute, tags=["webhooks"])

_SIGNED = {
    "parameters": [{"name": "Stripe-Signature", "in": "header", "required": True, "schema": {"type": "string"}}],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "description": "An event of Stripe's."}}},
    },
}


class ReceivedView(TypedDict):
    received: bool


@router.post("/api/webhooks/stripe", response_model=ReceivedView, summary="Stripe's events", openapi_extra=_SIGNED)
@router.post("/webhook/stripe", include_in_schema=False)
@refuses("invalid_signature", "invalid_payload", "request_timeout", "body_too_large", "billing_unavailable")
async def stripe_webhook(request: Request) -> Response:
    """200 `{"received": true}` once the event is stored; also for one that has come before."""
    body = await read_bounded(request, MAX_BODY_BYTES)
    signatures = request.headers.getlist("stripe-signature")
    await receive_event(billing_of(request), body, signatures[0] if len(signatures) == 1 else "")
    return answer({"received": True})
