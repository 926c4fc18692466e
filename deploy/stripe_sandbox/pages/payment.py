"""The hosted checkout page, `/c/pay/{session}`: the form, and one try to pay or to save a card by it."""

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.bodies import read_body
from deploy.stripe_sandbox.domain import checkout_sessions, currencies
from deploy.stripe_sandbox.domain.cards import CardDetails, split_expiry
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages.layout import esc, page
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import checkout_page

_MAX_BYTES = 1 << 16
_MAX_FIELDS = 100
_MAX_NAME = 200
# What is wrong with a card -> the field of the form that it concerns.
_FIELD_OF = {"number": "number", "exp_month": "exp", "exp_year": "exp", "cvc": "cvc"}


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        session = sandbox.store.objects.get("checkout.session", request.path_params["session_id"])
        return _not_found() if session is None else _shown(sandbox, session)

    async def pay(request: Request) -> Response:
        try:
            body = await read_body(request, _MAX_BYTES)
            form = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=_MAX_FIELDS)
        except (StripeError, ValueError):
            return page("Too large", "<h1>That form is too large</h1>", status=413)
        with sandbox.store.transaction():
            turn = sandbox.turn()
            session = turn.store.objects.get("checkout.session", request.path_params["session_id"])
            if session is None:
                return _not_found()
            result = checkout_page.submit(turn, session, _details(form), cardholder=_cardholder(form))
        sandbox.bell.set()
        if isinstance(result, checkout_page.Done | checkout_page.MustAuthenticate):
            return RedirectResponse(result.address, status_code=303, headers={"Cache-Control": "no-store"})
        if isinstance(result, checkout_page.Over):
            return _over(result.session)
        bad = _FIELD_OF.get(result.decline.param or "")
        return _form(sandbox, result.session, reason=result.decline.message, bad=bad, status=402)

    return [
        Route("/c/pay/{session_id}", show, methods=["GET"]),
        Route("/c/pay/{session_id}", pay, methods=["POST"]),
    ]


def _details(form: dict[str, list[str]]) -> CardDetails:
    """The four fields of the form; whatever else was sent is nobody's business."""
    month, year = split_expiry(_first(form, "exp"))
    return CardDetails(number=_first(form, "number"), exp_month=month, exp_year=year, cvc=_first(form, "cvc"))


def _cardholder(form: dict[str, list[str]]) -> str | None:
    return _first(form, "name")[:_MAX_NAME].strip() or None


def _first(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]


def _shown(sandbox: Sandbox, session: Json) -> Response:
    if session["status"] == checkout_sessions.COMPLETE:
        address = checkout_sessions.return_address(session["success_url"], session["id"])
        return page(
            "Already done",
            f'<h1>This {_matter(session)} is done</h1><p>Nothing more is due. <a href="{esc(address)}">Go on</a></p>',
        )
    if session["status"] == checkout_sessions.EXPIRED or checkout_sessions.is_over(session, now=sandbox.clock.now()):
        return _over(session)
    return _form(sandbox, session, reason=checkout_page.reason_of(sandbox.turn(), session))


def _form(
    sandbox: Sandbox, session: Json, *, reason: str | None, bad: str | None = None, status: int = 200
) -> Response:
    """The page with the form; after a refusal it says why, at the field `bad` that it concerns."""
    is_setup = session["mode"] == checkout_sessions.SETUP
    title, button = _words(session)
    body = f"""<h1>{title}</h1>
{"" if is_setup else _goods(sandbox, session)}
{_reason(reason)}
<form method="post" action="/c/pay/{esc(session["id"])}" autocomplete="off">
{_input("number", "Card number", "4242 4242 4242 4242", bad, inputmode="numeric", most=30)}
<div class="pair">
<div>{_input("exp", "Expiry (MM / YY)", "12 / 34", bad, inputmode="numeric", most=9)}</div>
<div>{_input("cvc", "Security code", "123", bad, inputmode="numeric", most=4)}</div>
</div>
{_input("name", "Name on card", "", bad, most=_MAX_NAME, required=False)}
<button type="submit">{button}</button>
</form>
<p class="hint">4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined, 4000 0000 0000 9995 lacks funds,
4000 0027 6000 3184 asks for 3-D Secure; any later expiry and any code.</p>
{_back(session)}"""
    return page(title, body, status=status, form_leads_to=session["success_url"])


def _words(session: Json) -> tuple[str, str]:
    """The page's title and what its button says."""
    if session["mode"] == checkout_sessions.SETUP:
        return "Save a card", "Save card"
    if session["mode"] == checkout_sessions.SUBSCRIPTION:
        return "Subscribe by card", f"Subscribe and pay {_total(session)} today"
    return "Pay by card", f"Pay {_total(session)}"


def _matter(session: Json) -> str:
    return {"payment": "payment", "setup": "setup"}.get(session["mode"], "subscription")


def _total(session: Json) -> str:
    return esc(currencies.display(session["amount_total"], session["currency"]))


def _goods(sandbox: Sandbox, session: Json) -> str:
    return f'<p class="total">{_total(session)}</p>\n{_items(sandbox, session)}'


def _items(sandbox: Sandbox, session: Json) -> str:
    rows = [
        f"<li><span>{esc(item['description'])} &times; {item['quantity']}</span> "
        f"<span>{esc(currencies.display(item['amount_total'], item['currency']))}</span></li>"
        for item in sandbox.store.objects.line_items(session["id"])
    ]
    return f'<ul class="items" aria-label="What you are buying">{"".join(rows)}</ul>'


def _reason(reason: str | None) -> str:
    return f'<p class="reason" role="alert" id="reason">{esc(reason)}</p>' if reason else ""


def _input(
    name: str,
    label: str,
    example: str,
    bad: str | None,
    *,
    most: int,
    inputmode: str = "text",
    required: bool = True,
) -> str:
    wrong = ' aria-invalid="true" aria-describedby="reason"' if name == bad else ""
    return (
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" type="text" inputmode="{inputmode}" maxlength="{most}" '
        f'placeholder="{example}"{" required" if required else ""}{wrong}>'
    )


def _back(session: Json) -> str:
    address: str | None = session["cancel_url"]
    if address is None:
        return ""
    address = checkout_sessions.return_address(address, session["id"])
    return f'<p><a href="{esc(address)}">Cancel and go back</a></p>'


def _over(session: Json) -> Response:
    return page(
        "Expired",
        f"<h1>This page has expired</h1><p>Nothing was charged. Please begin again.</p>{_back(session)}",
        status=410,
    )


def _not_found() -> Response:
    return page("Not found", "<h1>There is no such payment page</h1>", status=404)
