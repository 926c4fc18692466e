"""The sandbox's own controls over customers' cards and money that comes later. Bodies are strict JSON.

`POST /test/customers/{id}/card {"number"}` makes that card the customer's default in place of the one before;
`POST /test/sessions/{id}/async {"outcome": "succeeded"|"failed"}` ends the wait of a session whose money is on
its way. Both answer the object as it then stands.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.bodies import read_object
from deploy.stripe_sandbox.domain import cards
from deploy.stripe_sandbox.domain.cards import CardDetails, Decline
from deploy.stripe_sandbox.domain.errors import StripeError, error_body
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import checkout_page, payment_methods
from deploy.stripe_sandbox.use_cases.turn import Turn

_MAX_BYTES = 1 << 12
_EXPIRY = ("12", "2060")  # any later expiry and any code will do for a test card

Act = Callable[[Turn, str, str], Json]


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    return [
        Route("/test/customers/{id}/card", _control(sandbox, "number", _replace_card), methods=["POST"]),
        Route("/test/sessions/{id}/async", _control(sandbox, "outcome", _end_wait), methods=["POST"]),
    ]


def _control(sandbox: Sandbox, field: str, act: Act) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint whose body is one text under `field`."""

    async def answer(request: Request) -> Response:
        try:
            text = _only_text(await read_object(request, _MAX_BYTES), field)
            with sandbox.store.transaction():
                result = act(sandbox.turn(), request.path_params["id"], text)
        except StripeError as refusal:
            return JSONResponse(error_body(refusal.message, param=refusal.param), status_code=refusal.status)
        sandbox.bell.set()
        return JSONResponse(result)

    return answer


def _only_text(body: Json, field: str) -> str:
    text = body.get(field)
    if set(body) != {field} or not isinstance(text, str):
        raise StripeError(f"The body must be an object with the text `{field}`.", param=field)
    return text


def _replace_card(turn: Turn, customer_id: str, number: str) -> Json:
    customer = turn.find("customer", customer_id)
    if customer.get("deleted"):
        turn.referred("customer", customer_id, param="id")
    month, year = _EXPIRY
    card = cards.read_card(CardDetails(number, month, year, cvc=None), now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        raise StripeError(card.message, param=card.param)
    return payment_methods.replace_default(turn, customer, card)


def _end_wait(turn: Turn, session_id: str, outcome: str) -> Json:
    session = turn.find("checkout.session", session_id)
    if outcome == "succeeded":
        return checkout_page.money_came(turn, session)
    if outcome == "failed":
        return checkout_page.money_failed(turn, session)
    raise StripeError("outcome must be succeeded or failed.", param="outcome")
