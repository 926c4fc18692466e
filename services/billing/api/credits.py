"""GET /api/v1/credits and /api/v1/credits/transactions: what an account has, and how it came to it (C3, C10)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.billing.api.guards import billing_of, caller_of
from services.billing.domain.ledger.transfer import Posted
from services.billing.use_cases import credits
from services.billing.use_cases.credits import ENTRY_PREFIX
from shared import ids
from shared.doors import StrictRoute, answer, guarded
from shared.doors.lists import After, Limit, page
from shared.money import MILLICREDITS_PER_CENT, MILLICREDITS_PER_CREDIT, Credits, Money
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["credits"])


@router.get("/api/v1/credits", summary="Read the balance")
@guarded(caller_required)
async def read_credits(request: Request) -> Response:
    """What the account has, what running calls hold of it, and what may be spent. The value is rounded down to a
    cent."""
    billing = billing_of(request)
    wallet = await credits.read_wallet(billing, caller_of(request).account_id)
    return answer(
        {
            "credits": Credits(wallet.balance),
            "held": Credits(wallet.held),
            "available": Credits(wallet.available),
            "currency_value": Money(wallet.balance // MILLICREDITS_PER_CENT, "usd"),
            "first_key_minimum": Credits(billing.settings.min_credits_api_key * MILLICREDITS_PER_CREDIT),
        }
    )


@router.get("/api/v1/credits/transactions", summary="List transactions")
@guarded(caller_required)
async def list_transactions(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Newest first; the sum over all is `credits`."""
    found = await credits.list_entries(billing_of(request), caller_of(request).account_id, after=after, limit=limit + 1)
    return page(found, limit, entry_view)


def entry_view(posted: Posted) -> dict[str, object]:
    """An entry as the API shows it. `credits` is signed; `reference` is a call's request id or a payment's id."""
    transfer = posted.transfer
    return {
        "id": ids.encode(ENTRY_PREFIX, transfer.id),
        "type": transfer.kind.value,
        "credits": Credits(transfer.signed),
        "balance_after": Credits(transfer.balance_after),
        "description": transfer.description,
        "created_at": posted.created_at,
        "reference": ids.encode("req", transfer.request_id) if transfer.request_id else transfer.reference,
    }
