"""The public paths that siblings serve: judged here, forwarded unchanged with a token that says for whom.

What the sibling answers, its refusals included, is passed through. Only the headers named here travel; whatever a
caller says about its own identity stays outside.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.api.guards import address_of, agent_of, operator_required, session_or_key, session_required
from services.gateway.clients.http1 import ExchangeFailed, Header
from services.gateway.clients.sibling_door import SiblingDoor, asked_from
from services.gateway.service import NAME, Gateway
from shared.doors.routing import Guard, read_bounded
from shared.errors import DomainError
from shared.service_auth import Caller

DEADLINE_SECONDS = 30.0
"""The slowest inside answer is a checkout's, which waits for Stripe."""

_ALL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_SENT = (b"content-type", b"idempotency-key", b"accept")
_PASSED_BACK = frozenset(
    {
        b"content-type",
        b"content-disposition",
        b"cache-control",
        b"retry-after",
        b"allow",
        b"location",
        b"idempotent-replayed",
        b"ratelimit",
        b"ratelimit-policy",
        b"content-digest",
        b"signature-input",
        b"signature",
    }
)
_BILLING_AWAY = DomainError("billing_unavailable", "Billing does not answer; try again.", headers={"Retry-After": "1"})
_SIBLING_AWAY = DomainError(
    "service_unavailable", "A part of the service is away; try again.", headers={"Retry-After": "1"}
)


@dataclass(frozen=True)
class Forwarded:
    """A public path (and all below it, where it ends in `/{rest:path}`), who serves it, who may ask, and how; what it
    does not serve is refused here where the sibling would take it for another path."""

    path: str
    sibling: str
    guard: Guard
    methods: Sequence[str] = tuple(_ALL)


async def open_to_all(_request: Request) -> None:
    """Guard: anybody may ask, and the sibling is told of nobody, only of the address."""


async def brought_by_us(request: Request) -> None:
    """Guard: anybody may ask, and the sibling is told that we brought it, and from which address."""
    request.state.caller = Caller(NAME, "service", ip=address_of(request), user_agent=agent_of(request))


async def session_if_said(request: Request) -> None:
    """Guard: a credential, where there is one, is a session's; without one the body must hold what lets the caller in,
    which the sibling judges."""
    if "authorization" in request.headers or "x-api-key" in request.headers:
        await session_required(request)
    else:
        await brought_by_us(request)


async def session_but_to_post(request: Request) -> None:
    """Guard: anybody may make something, signed in or not; to see it again takes a session."""
    if request.method == "POST":
        await session_if_said(request)
    else:
        await session_required(request)


FORWARDED = (
    Forwarded("/api/v1/ledger/public-keys", "billing", open_to_all),
    Forwarded("/api/v1/credits", "billing", session_or_key("credits:read")),
    Forwarded("/api/v1/credits/{rest:path}", "billing", session_required),
    Forwarded("/api/v1/payments", "billing", session_required),
    Forwarded("/api/v1/payments/{rest:path}", "billing", session_required),
    Forwarded("/api/v1/payment-methods", "billing", session_required),
    Forwarded("/api/v1/payment-methods/{rest:path}", "billing", session_required),
    Forwarded("/api/v1/auto-top-up", "billing", session_required),
    Forwarded("/api/v1/plans", "billing", open_to_all),
    Forwarded("/api/v1/subscriptions", "billing", session_required),
    Forwarded("/api/v1/subscriptions/{rest:path}", "billing", session_required),
    Forwarded("/api/v1/usage", "billing", session_or_key("usage:read")),
    Forwarded("/api/v1/usage/{rest:path}", "billing", session_or_key("usage:read")),
    Forwarded("/api/v1/admin/accounts/{account_id}/grants", "billing", operator_required),
    Forwarded("/api/v1/admin/accounts/{account_id}/debits", "billing", operator_required),
    Forwarded("/api/v1/admin/accounts/{account_id}/transactions", "billing", operator_required),
    Forwarded("/api/v1/admin/payments", "billing", operator_required),
    Forwarded("/api/v1/admin/payments/{rest:path}", "billing", operator_required),
    Forwarded("/api/v1/admin/webhook-events", "billing", operator_required),
    Forwarded("/api/v1/admin/webhook-events/{rest:path}", "billing", operator_required),
    Forwarded("/api/v1/admin/reconciliations", "billing", operator_required),
    Forwarded("/api/v1/admin/disputes", "billing", operator_required),
    Forwarded("/api/v1/admin/disputes/{rest:path}", "billing", operator_required),
    Forwarded("/api/v1/admin/plans", "billing", operator_required),
    Forwarded("/api/v1/admin/plans/{rest:path}", "billing", operator_required),
    Forwarded("/api/v1/admin/subscriptions", "billing", operator_required),
    Forwarded("/api/v1/admin/subscriptions/{rest:path}", "billing", operator_required),
    Forwarded("/api/v1/admin/ledger/verify", "billing", operator_required),
    Forwarded("/api/v1/admin/reports/{rest:path}", "billing", operator_required),
    Forwarded("/api/v1/licenses/validate", "licensing", brought_by_us, ("POST",)),
    Forwarded("/api/v1/licenses/public-keys", "licensing", open_to_all, ("GET", "HEAD")),
    Forwarded("/api/v1/licenses/activate", "licensing", brought_by_us, ("POST",)),
    Forwarded("/api/v1/licenses/deactivate", "licensing", brought_by_us, ("POST",)),
    Forwarded("/api/v1/licenses/heartbeat", "licensing", brought_by_us, ("POST",)),
    Forwarded("/api/v1/licenses/activations/transfer", "licensing", brought_by_us, ("POST",)),
    Forwarded("/api/v1/licenses/{license_id}/file", "licensing", session_if_said),
    Forwarded("/api/v1/licenses", "licensing", session_required),
    Forwarded("/api/v1/licenses/{rest:path}", "licensing", session_required),
    Forwarded("/api/v1/admin/licenses", "licensing", operator_required),
    Forwarded("/api/v1/admin/licenses/{rest:path}", "licensing", operator_required),
    Forwarded("/api/v1/devices", "fraud", session_but_to_post, ("GET", "HEAD", "POST")),
    Forwarded("/api/v1/admin/blacklist", "fraud", operator_required),
    Forwarded("/api/v1/admin/blacklist/{rest:path}", "fraud", operator_required),
    Forwarded("/api/v1/admin/reviews", "fraud", operator_required),
    Forwarded("/api/v1/admin/reviews/{rest:path}", "fraud", operator_required),
    Forwarded("/api/v1/admin/fraud/{rest:path}", "fraud", operator_required),
    Forwarded("/api/v1/admin/devices/{rest:path}", "fraud", operator_required),
)


def router() -> APIRouter:
    """One route for each forwarded path."""
    made = APIRouter()
    for forwarded in FORWARDED:
        made.add_route(forwarded.path, _handler(forwarded), methods=_ALL, include_in_schema=False)
    return made


def _handler(forwarded: Forwarded) -> Callable[[Request], Awaitable[Response]]:
    away = _BILLING_AWAY if forwarded.sibling == "billing" else _SIBLING_AWAY

    async def handle(request: Request) -> Response:
        request.scope["route"] = forwarded  # by its path the request is logged and counted
        if request.method not in forwarded.methods:
            allowed = ", ".join(forwarded.methods)
            raise DomainError("method_not_allowed", f"This path takes {allowed}.", headers={"Allow": allowed})
        await forwarded.guard(request)
        service: Gateway = request.app.state.service
        door = service.doors[forwarded.sibling]
        return await send_on(request, door, _said_of_caller(request, door), away=away)

    return handle


def _said_of_caller(request: Request, door: SiblingDoor) -> Sequence[Header]:
    if not hasattr(request.state, "caller"):
        return asked_from(address_of(request), request.state.request_id)
    return door.on_behalf_of(request.state.caller, request.state.request_id)


async def send_on(
    request: Request, door: SiblingDoor, headers: Sequence[Header], *, away: DomainError, sent: Sequence[bytes] = _SENT
) -> Response:
    """Send a request to a sibling as it came, path and query byte for byte, and pass its answer back. Of its own
    headers only those named in `sent` go along, as the bytes they were."""
    body = await read_bounded(request)
    own = [(name, value) for name, value in request.scope["headers"] if name in sent]
    target = request.scope["raw_path"]
    if request.scope["query_string"]:
        target += b"?" + request.scope["query_string"]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            told = await door.send(request.method, target, (*own, *headers), body)
    except (ExchangeFailed, TimeoutError) as error:
        raise away from error
    kept = {name.decode("latin-1"): value.decode("latin-1") for name, value in _passed_back(told.headers)}
    return Response(told.body, told.status, kept)


def _passed_back(headers: Sequence[Header]) -> Iterator[Header]:
    for name, value in headers:
        lower = name.lower()
        if lower in _PASSED_BACK:
            yield lower, value
