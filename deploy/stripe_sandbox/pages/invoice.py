"""An invoice's page, `/i/{invoice}`, as its `hosted_invoice_url` names it: what it is for, and a form to pay it.

`POST` takes the card's fields as a form: 303 to the page again or to the bank's, 402 with the reason.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.domain import authentication, currencies, invoices
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages.card_form import FIELDS, cardholder_of, details_of, read_form, reason
from deploy.stripe_sandbox.pages.layout import esc, page
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import invoice_page

_PATH = "/i/{invoice_id}"


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        invoice = invoice_page.shown(sandbox.turn(), request.path_params["invoice_id"])
        return _not_found() if invoice is None else _invoice(invoice)

    async def pay(request: Request) -> Response:
        try:
            form = await read_form(request)
        except (StripeError, ValueError):
            return page("Too large", "<h1>That form is too large</h1>", status=413)
        with sandbox.store.transaction():
            turn = sandbox.turn()
            invoice = invoice_page.shown(turn, request.path_params["invoice_id"])
            if invoice is None:
                return _not_found()
            result = invoice_page.pay(turn, invoice, details_of(form), cardholder=cardholder_of(form))
        sandbox.bell.set()
        if isinstance(result, Decline):
            return _invoice(invoice, why=result.message, status=402)
        waits = result is not None and result["status"] == "requires_action"
        address = authentication.page_address(turn.public_url, result["id"]) if result and waits else str(request.url)
        return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})

    return [Route(_PATH, show, methods=["GET"]), Route(_PATH, pay, methods=["POST"])]


def _invoice(invoice: Json, *, why: str | None = None, status: int = 200) -> Response:
    amount = esc(currencies.display(invoice["amount_due"], invoice["currency"]))
    lines = "".join(
        f"<li><span>{esc(line['description'])}</span> "
        f"<span>{esc(currencies.display(line['amount'], line['currency']))}</span></li>"
        for line in invoice["lines"]["data"]
    )
    form = f"""{reason(why)}
<form method="post" action="/i/{esc(invoice["id"])}" autocomplete="off">
{FIELDS}
<button type="submit">Pay {amount}</button>
</form>"""
    body = f"""<h1>Invoice {esc(invoice["number"])}</h1>
<p class="total">{amount}: {esc(invoice["status"])}</p>
<ul class="items" aria-label="What it is for">{lines}</ul>
{form if invoice["status"] in (invoices.OPEN, invoices.UNCOLLECTIBLE) else ""}"""
    return page("Invoice", body, status=status)


def _not_found() -> Response:
    return page("Not found", "<h1>There is no such invoice</h1>", status=404)
