"""Stripe's way in: the raw body and its signature go to billing, which alone can judge them (U1).

Outside every limit by address, so that nobody can keep Stripe out by filling it.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.api.forwarding import send_on
from services.gateway.clients.sibling_door import asked_from
from services.gateway.service import Gateway
from shared.errors import DomainError

router = APIRouter(include_in_schema=False)
"""Billing describes it."""

_SIGNATURE = b"stripe-signature"


@router.post("/api/webhooks/stripe")
@router.post("/webhook/stripe")
async def stripe_webhook(request: Request) -> Response:
    service: Gateway = request.app.state.service
    if sum(name == _SIGNATURE for name, _ in request.scope["headers"]) > 1:
        raise DomainError("ambiguous_headers", "Stripe-Signature stands more than once.")
    headers = asked_from(None, request.state.request_id)
    away = DomainError("billing_unavailable", "Billing does not answer; send it again.", headers={"Retry-After": "1"})
    return await send_on(request, service.doors["billing"], headers, away=away, sent=(b"content-type", _SIGNATURE))
