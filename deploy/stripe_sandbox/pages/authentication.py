"""The bank's page for 3-D Secure, `/c/3ds/{intent}`: `POST` takes `outcome=complete` or `outcome=fail` as a form
and answers 303 to where the customer came from."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.bodies import read_body
from deploy.stripe_sandbox.domain import currencies
from deploy.stripe_sandbox.domain.authentication import COMPLETE, FAIL, OUTCOMES
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages.layout import esc, page
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import authentication

_MAX_BYTES = 1 << 12
_MAX_FIELDS = 10


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        turn = sandbox.turn()
        found = authentication.visit(turn, request.path_params["intent_id"])
        if found is None:
            return _not_found()
        return _question(found.intent, authentication.leads_to(turn, found)) if found.waits else _nothing_to_do()

    async def answer(request: Request) -> Response:
        try:
            outcome = await _outcome(request)
        except (StripeError, ValueError):
            return page("Not understood", "<h1>That is neither of the two answers</h1>", status=400)
        with sandbox.store.transaction():
            turn = sandbox.turn()
            found = authentication.visit(turn, request.path_params["intent_id"])
            if found is None:
                return _not_found()
            address = authentication.answer(turn, found, outcome)
        sandbox.bell.set()
        if address is None:
            return _nothing_to_do()
        return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})

    return [
        Route("/c/3ds/{intent_id}", show, methods=["GET"]),
        Route("/c/3ds/{intent_id}", answer, methods=["POST"]),
    ]


async def _outcome(request: Request) -> str:
    body = await read_body(request, _MAX_BYTES)
    form = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=_MAX_FIELDS)
    outcome = form.get("outcome", [""])[0]
    if outcome not in OUTCOMES:
        raise StripeError("outcome must be complete or fail.", param="outcome")
    return outcome


def _question(intent: Json, leads_to: str | None) -> Response:
    what = "a card that is to be saved"
    if intent["object"] == "payment_intent":
        what = f"a payment of {currencies.display(intent['amount'], intent['currency'])}"
    body = f"""<h1>Your bank asks: is it you?</h1>
<p>This is 3-D Secure for {esc(what)}. A real bank would ask for a code or its app here.</p>
<form method="post" action="/c/3ds/{esc(intent["id"])}">
<button type="submit" name="outcome" value="{COMPLETE}">Complete</button>
<button type="submit" name="outcome" value="{FAIL}" class="other">Fail</button>
</form>"""
    return page("3-D Secure", body, form_leads_to=leads_to)


def _nothing_to_do() -> Response:
    return page("3-D Secure", "<h1>Nothing to confirm</h1><p>This is done. You may close this window.</p>")


def _not_found() -> Response:
    return page("Not found", "<h1>There is nothing to confirm here</h1>", status=404)
