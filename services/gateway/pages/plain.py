"""Home, what follows a payment, and the stylesheet."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.pages.rendering import page, stylesheet

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home() -> Response:
    return page("home.html")


@router.get("/credits/paid")
async def paid(request: Request) -> Response:
    """Where a payment's success leads. It shows nothing of the payment and grants nothing."""
    return page("paid.html", public_url=request.app.state.service.settings.public_url)


@router.get("/subscriptions/paid")
async def subscribed(request: Request) -> Response:
    """Where a subscription's payment page leads. It shows nothing of it and grants nothing."""
    return page("subscribed.html", public_url=request.app.state.service.settings.public_url)


@router.get("/cards/saved")
async def card_saved() -> Response:
    """Where a page on which a card is saved leads."""
    return page("done.html", said="Your card is saved.")


@router.get("/assets/plain.css")
async def style() -> Response:
    return Response(stylesheet(), media_type="text/css", headers={"Cache-Control": "max-age=3600"})
