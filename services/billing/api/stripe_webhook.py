"""POST /api/webhooks/stripe and /webhook/stripe: Stripe's events (U1). The signature is the credential."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.billing.api.guards import billing_of
from services.billing.use_cases.webhooks import MAX_BODY_BYTES, receive_event
from shared.doors import answer
from shared.doors.routing import read_bounded

router = APIRouter(tags=["webhooks"])


@router.post("/api/webhooks/stripe", summary="Stripe's events")
@router.post("/webhook/stripe", include_in_schema=False)
async def stripe_webhook(request: Request) -> Response:
    """200 `{"received": true}` once the event is stored; also for one that has come before."""
    body = await read_bounded(request, MAX_BODY_BYTES)
    signatures = request.headers.getlist("stripe-signature")
    await receive_event(billing_of(request), body, signatures[0] if len(signatures) == 1 else "")
    return answer({"received": True})
