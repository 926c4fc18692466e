"""Stripe's way in: the raw body and its signature go to billing, which alone can judge them (U1).

Outside every limit by address, so that nobody can keep Stripe out by filling it.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.api.forwarding import send_on
from services.gateway.service import Gateway
from shared.errors import DomainError

router = APIRouter(include_in_schema=False)
"""Billing describes it."""

_SIGNATURE = "stripe-signature"


@router.post("/api/webhooks/stripe")
@router.post("/webhook/stripe")
async def stripe_webhook(request: Request) -> Response:
    service: Gateway = request.app.state.service
    headers = {"x-request-id": request.state.request_id}
    if len(request.headers.getlist(_SIGNATURE)) > 1:
        raise DomainError("ambiguous_headers", "Stripe-Signature stands more than once.")
    away = DomainError("billing_unavailable", "Billing does not answer; send it again.", headers={"Retry-After": "1"})
    return await send_on(request, service.billing, headers, away=away, sent=("content-type", _SIGNATURE))
