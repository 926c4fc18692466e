"""`/credits/buy`: credits bought with a browser. The form bears the password, so that it needs no cookie and nobody
else's page can post it."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.gateway.domain.caller_address import caller_address
from services.gateway.domain.user_agent import user_agent
from services.gateway.pages.forms import form_of
from services.gateway.pages.rendering import page
from services.gateway.service import Gateway
from services.gateway.use_cases.buying import begin_purchase
from shared.errors import DomainError
from shared.money import MINOR_UNIT_DIGITS
from shared.problems import status_of

SMALLEST = 5_000
_MOST_DIGITS = 12

router = APIRouter(include_in_schema=False)


@router.get("/credits/buy")
async def form() -> Response:
    return _form()


@router.post("/credits/buy")
async def buy(request: Request) -> Response:
    """303 to the payment page; the form again, with the reason, where it was refused."""
    gateway: Gateway = request.app.state.service
    fields = await form_of(request)
    email, credits, currency = fields.get("email", ""), fields.get("credits", ""), fields.get("currency", "usd")
    if not (credits.isascii() and credits.isdigit() and len(credits) <= _MOST_DIGITS):
        return _form(email, credits, currency, "Credits are a whole number, 5000 or more.", status=422)
    try:
        begun = await begin_purchase(
            gateway,
            email=email,
            password=fields.get("password", ""),
            credits_wanted=int(credits),
            currency=currency,
            address=_address(request, gateway),
            agent=user_agent(request.headers.get("user-agent")),
            request_id=request.state.request_id,
        )
    except DomainError as refusal:
        return _form(email, credits, currency, _told(refusal), status=status_of(refusal))
    if begun.checkout_url is None:
        return page("review.html", status=202, payment_id=begun.payment_id)
    return RedirectResponse(begun.checkout_url, 303, {"Cache-Control": "no-store"})


def _form(
    email: str = "", credits: str = str(SMALLEST), currency: str = "usd", problem: str = "", *, status: int = 200
) -> Response:
    return page(
        "buy.html",
        status=status,
        form_action=_PAYMENT_PAGES,
        email=email,
        credits=credits,
        currency=currency,
        currencies=tuple(MINOR_UNIT_DIGITS),
        problem=problem,
    )


def _told(refusal: DomainError) -> str:
    """What was wrong with a field says more than that something was."""
    wrong = [f"{fault['pointer'].removeprefix('/').capitalize()}: {fault['message']}." for fault in _faults(refusal)]
    return " ".join(wrong) or refusal.detail


def _faults(refusal: DomainError) -> list[dict[str, str]]:
    faults = refusal.extra.get("errors")
    return faults if isinstance(faults, list) else []


_PAYMENT_PAGES = "'self' https://checkout.stripe.com http://127.0.0.1:* http://localhost:*"


def _address(request: Request, gateway: Gateway) -> str:
    peer = request.client.host if request.client else None
    return caller_address(peer, request.headers.getlist("x-forwarded-for"), trusted=gateway.trusted_proxies)
