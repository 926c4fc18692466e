"""The front door: every request is judged for its one meaning, then goes to the paid path or to the rest.

`/proxy/...` is served without a framework; FastAPI keeps the control plane.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.api.proxy import proxy_app
from services.gateway.domain.one_meaning import judge_exchange, judge_head, judge_host
from services.gateway.settings import Settings
from shared.doors import problem_response
from shared.errors import DomainError, NotFound

_PAID = b"/proxy/"
_INSIDE = "/internal"


class Front:
    """Plain ASGI, just inside the middleware that gives a request its id."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._ours = _our_hosts(settings)
        self._loopback_is_ours = settings.environment != "production"
        self._paid: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            judge_head(scope["raw_path"], scope["query_string"], scope["headers"])
            judge_exchange(scope["method"], scope["http_version"], scope["headers"])
            judge_host(scope["headers"], self._ours, loopback_is_ours=self._loopback_is_ours)
            _hide_inside(scope)
        except DomainError as refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
            return
        await self._inside(scope)(scope, receive, send)

    def _inside(self, scope: Scope) -> ASGIApp:
        if not scope["raw_path"].startswith(_PAID):
            return self._app
        if self._paid is None:
            self._paid = proxy_app(scope["app"].state.service)
        return self._paid


def _hide_inside(scope: Scope) -> None:
    """Siblings reach us at the same port; to everyone else there is nothing under `/internal`."""
    if not scope["path"].lower().startswith(_INSIDE):
        return
    bearer = next((value for name, value in scope["headers"] if name == b"authorization"), b"").decode("latin-1")
    try:
        caller = scope["app"].state.verifier.verify(bearer.removeprefix("Bearer "))
    except DomainError as error:
        raise NotFound("path") from error
    if caller.role != "service":
        raise NotFound("path")


def _our_hosts(settings: Settings) -> Collection[str]:
    public = urlsplit(settings.public_url)
    return {name for name in (public.netloc.lower(), public.hostname, *settings.allowed_hosts) if name}
