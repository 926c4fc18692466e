"""The billing portal's page, `/p/session/{session}`: subscriptions to cancel or keep, and the card to change.

`POST` takes `action=cancel` or `action=keep` with `subscription`, or `action=card` with the card's fields, as a form.
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.domain import authentication, currencies, subscriptions
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages.card_form import FIELDS, cardholder_of, details_of, read_form, reason
from deploy.stripe_sandbox.pages.layout import esc, page
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import invoicing, portal
from deploy.stripe_sandbox.use_cases.turn import Turn

_PATH = "/p/session/{session_id}"


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        turn = sandbox.turn()
        session = portal.open_session(turn, request.path_params["session_id"])
        return _over() if session is None else _shown(turn, session)

    async def act(request: Request) -> Response:
        try:
            form = await read_form(request)
        except (StripeError, ValueError):
            return page("Too large", "<h1>That form is too large</h1>", status=413)
        with sandbox.store.transaction():
            turn = sandbox.turn()
            session = portal.open_session(turn, request.path_params["session_id"])
            answer = _over() if session is None else _acted(turn, session, form)
        sandbox.bell.set()
        return answer

    return [Route(_PATH, show, methods=["GET"]), Route(_PATH, act, methods=["POST"])]


def _acted(turn: Turn, session: Json, form: dict[str, str]) -> Response:
    action = form.get("action")
    if action == "card":
        result = portal.change_card(turn, session, details_of(form), cardholder=cardholder_of(form))
        if isinstance(result, Decline):
            return _shown(turn, session, why=result.message, status=402)
        if result["status"] == "requires_action":
            return _to(authentication.page_address(turn.public_url, result["id"]))
    elif action in ("cancel", "keep"):
        portal.cancel_at_period_end(turn, session, form.get("subscription", ""), cancels=action == "cancel")
    else:
        return page("Not understood", "<h1>That is nothing to be done here</h1>", status=400)
    return _to(session["url"])


def _shown(turn: Turn, session: Json, *, why: str | None = None, status: int = 200) -> Response:
    rows = "".join(_subscription(turn, session, each) for each in portal.subscriptions_of(turn, session))
    back = session["return_url"]
    body = f"""<h1>Your subscriptions</h1>
{rows or "<p>There are none.</p>"}
<h2>Card</h2>
{reason(why)}
<form method="post" action="/p/session/{esc(session["id"])}" autocomplete="off">
<input type="hidden" name="action" value="card">
{FIELDS}
<button type="submit">Save card</button>
</form>
{f'<p><a href="{esc(back)}">Go back</a></p>' if back else ""}"""
    return page("Billing portal", body, status=status)


def _subscription(turn: Turn, session: Json, subscription: Json) -> str:
    first = subscriptions.items_of(subscription)[0]
    name = invoicing.product_name(turn, first["price"])
    price = currencies.display(first["price"]["unit_amount"] * first["quantity"], subscription["currency"])
    end = datetime.fromtimestamp(first["current_period_end"], UTC).strftime("%Y-%m-%d")
    ends = subscription["cancel_at"] is not None
    action, button = ("keep", "Keep it") if ends else ("cancel", "Cancel at the period's end")
    return f"""<p><strong>{esc(name)}</strong>, {esc(price)}: {esc(subscription["status"])},
{"ends" if ends else "renews"} on {end}</p>
<form method="post" action="/p/session/{esc(session["id"])}">
<input type="hidden" name="subscription" value="{esc(subscription["id"])}">
<button type="submit" name="action" value="{action}" class="other">{button}</button>
</form>"""


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


def _over() -> Response:
    return page("Not found", "<h1>This portal session is over</h1>", status=404)
