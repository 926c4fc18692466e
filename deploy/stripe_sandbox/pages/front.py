"""The front page: what this is, and what happened lately. Also the stylesheet, the receipt and `/ping`."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox.domain import currencies
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages.layout import STYLE, STYLE_PATH, esc, page
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.store.objects import Page

_SHOWN = 20


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def front(request: Request) -> Response:
        return page("Stripe sandbox", _front(sandbox), wide=True)

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})

    async def receipt(request: Request) -> Response:
        charge = sandbox.store.objects.get("charge", request.path_params["charge_id"])
        if charge is None or not charge["paid"]:
            return page("Not found", "<h1>There is no such receipt</h1>", status=404)
        return page("Receipt", _receipt(charge))

    async def ping(request: Request) -> Response:
        return PlainTextResponse("pong")

    return [
        Route("/", front, methods=["GET"]),
        Route(STYLE_PATH, style, methods=["GET"]),
        Route("/receipts/{charge_id}", receipt, methods=["GET"]),
        Route("/ping", ping, methods=["GET"]),
    ]


def _front(sandbox: Sandbox) -> str:
    sessions, _ = sandbox.store.objects.page(Page(kind="checkout.session", limit=_SHOWN))
    events, _ = sandbox.store.objects.page(Page(kind="event", limit=_SHOWN))
    webhook = sandbox.settings.webhook_url or "nowhere"
    return f"""<h1>Stripe sandbox</h1>
<p>A stand-in for Stripe, for development and tests. It speaks the part of Stripe's API that this platform
uses, under <code>/v1</code>, with any key that begins with <code>sk_test_</code>. Events go to
<code>{esc(webhook)}</code>.</p>
<h2>Checkout sessions</h2>
<table><thead><tr><th scope="col">Session</th><th scope="col">Amount</th><th scope="col">Status</th>
<th scope="col">Created</th></tr></thead>
<tbody>{"".join(_session_row(session) for session in sessions)}</tbody></table>
<h2>Events</h2>
<table><thead><tr><th scope="col">Event</th><th scope="col">Type</th><th scope="col">Still to deliver</th>
<th scope="col">Created</th></tr></thead>
<tbody>{"".join(_event_row(sandbox, event) for event in events)}</tbody></table>"""


def _session_row(session: Json) -> str:
    name = esc(session["id"])
    link = f'<a href="/c/pay/{name}">{name}</a>' if session["url"] else name
    due = session["amount_total"]  # none where a card is only saved
    amount = "" if due is None else esc(currencies.display(due, session["currency"]))
    status = esc(f"{session['status']}, {session['payment_status']}")
    return f"<tr><td>{link}</td><td>{amount}</td><td>{status}</td><td>{_instant(session['created'])}</td></tr>"


def _event_row(sandbox: Sandbox, event: Json) -> str:
    left = sandbox.store.deliveries.unfinished(event["id"])
    return (
        f"<tr><td>{esc(event['id'])}</td><td>{esc(event['type'])}</td><td>{left}</td>"
        f"<td>{_instant(event['created'])}</td></tr>"
    )


def _receipt(charge: Json) -> str:
    card = charge["payment_method_details"]["card"]
    amount = esc(currencies.display(charge["amount"], charge["currency"]))
    return (
        f'<h1>Receipt</h1><p class="total">{amount}</p>'
        f"<p>Paid on {_instant(charge['created'])} with {esc(card['brand'])} ending in "
        f"{esc(card['last4'])}.</p>"
    )


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
