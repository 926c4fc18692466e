"""The sandbox's controls over customers' cards and money that comes later.

`POST /test/customers/{id}/card {"number"}` makes that card the customer's default in place of the one before;
`POST /test/sessions/{id}/async {"outcome": "succeeded"|"failed"}` ends the wait of a session whose money is on
its way. Each answers the object as it then stands.
"""

from typing import Any

from starlette.routing import BaseRoute

from deploy.stripe_sandbox.api.control_bodies import only, text, word
from deploy.stripe_sandbox.api.money_controls import control_route
from deploy.stripe_sandbox.domain import cards
from deploy.stripe_sandbox.domain.cards import CardDetails, Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import checkout_page, payment_methods
from deploy.stripe_sandbox.use_cases.turn import Turn

_EXPIRY = ("12", "2060")  # any later expiry and any code will do for a test card
_ENDS = {"succeeded": checkout_page.money_came, "failed": checkout_page.money_failed}


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    return [
        control_route(sandbox, "/test/customers/{id}/card", _replace_card),
        control_route(sandbox, "/test/sessions/{id}/async", _end_wait),
    ]


def _replace_card(turn: Turn, customer_id: str, body: dict[str, Any]) -> Json:
    only(body, "number")
    customer = turn.find("customer", customer_id)
    if customer.get("deleted"):
        turn.referred("customer", customer_id, param="id")
    month, year = _EXPIRY
    details = CardDetails(text(body, "number"), month, year, cvc=None)
    card = cards.read_card(details, now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        raise StripeError(card.message, param=card.param)
    return payment_methods.replace_default(turn, customer, card)


def _end_wait(turn: Turn, session_id: str, body: dict[str, Any]) -> Json:
    only(body, "outcome")
    end = _ENDS[word(body, "outcome", tuple(_ENDS))]
    return end(turn, turn.find("checkout.session", session_id))
