"""GET, POST, DELETE /api/v1/payment-methods and POST .../{id}/default: an account's saved cards (S6)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import active_caller_required, billing_of, caller_of
from services.billing.domain.saved_card import SavedCard
from services.billing.use_cases import saved_cards
from shared.db import Connection
from shared.doors import StrictRoute, Wire, answer, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.lists import Page
from shared.idempotency import Claim
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["payments"])

Address = Annotated[str, Field(max_length=4_000)]


class SaveBody(Wire):
    """Where the customer goes afterwards."""

    success_url: Address | None = None
    cancel_url: Address | None = None


class PaymentMethodView(TypedDict):
    """A saved card. Where none is named, the default is charged."""

    id: str
    type: Literal["card"]
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class SetupView(TypedDict):
    """The page on which the customer gives the card."""

    setup_url: str


@router.get("/api/v1/payment-methods", response_model=Page[PaymentMethodView], summary="List saved cards")
@guarded(caller_required)
async def list_cards(request: Request) -> Response:
    """The default first: that is the one which automatic top-ups charge. The card that was saved last is the default
    until another is chosen."""
    cards = await saved_cards.list_cards(billing_of(request), caller_of(request).account_id)
    return answer({"data": [_view(card) for card in cards], "has_more": False, "next": None})


@router.post("/api/v1/payment-methods", status_code=201, response_model=SetupView, summary="Save a card")
@guarded(active_caller_required)
@refuses("service_unavailable")
@takes_idempotency_key
async def save_card(request: Request, body: SaveBody) -> Response:
    """201 `{setup_url}`: the page on which the customer gives the card."""

    async def work(claim: Claim) -> Response:
        billing = billing_of(request)
        url = await saved_cards.begin_saving(
            billing, caller_of(request).account_id, success_url=body.success_url, cancel_url=body.cancel_url
        )
        async with billing.database.transaction() as connection:
            return await claim.keep(connection, 201, {"setup_url": url})

    return await idempotently(request, caller_of(request).account_id, work)


@router.post(
    "/api/v1/payment-methods/{card_id}/default", response_model=PaymentMethodView, summary="Choose the default"
)
@guarded(active_caller_required)
@refuses("not_found", "service_unavailable")
@takes_idempotency_key
async def choose_default(request: Request, card_id: str) -> Response:
    """The card, which is charged from now on where none is named."""

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, card: SavedCard) -> Response:
            return await claim.keep(connection, 200, _view(card))

        return await saved_cards.choose_default(billing_of(request), caller_of(request).account_id, card_id, keep)

    return await idempotently(request, caller_of(request).account_id, work)


@router.delete("/api/v1/payment-methods/{card_id}", status_code=204, summary="Forget a card")
@guarded(active_caller_required)
@refuses("not_found", "service_unavailable")
async def forget_card(request: Request, card_id: str) -> Response:
    """204; it is charged no more."""
    await saved_cards.remove_card(billing_of(request), caller_of(request).account_id, card_id)
    return Response(status_code=204)


def _view(card: SavedCard) -> PaymentMethodView:
    return {
        "id": card.id,
        "type": "card",
        "brand": card.brand,
        "last4": card.last4,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "is_default": card.is_default,
    }
