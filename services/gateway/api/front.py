"""The front door of the control plane: every request is judged for its one meaning, and `/internal` hidden.

`/proxy/...` never comes here: `api/edge/` judges and answers it beneath ASGI.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.domain.one_meaning import judge_exchange, judge_head, judge_host
from services.gateway.settings import Settings
from shared.doors import problem_response
from shared.errors import DomainError, NotFound

_INSIDE = "/internal"


class Front:
    """Plain ASGI, just inside the middleware that gives a request its id."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._ours = our_hosts(settings)
        self._loopback_is_ours = settings.environment != "production"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = scope["headers"]
            judge_head(scope["raw_path"], scope["query_string"], headers)
            judge_exchange(scope["method"], scope["http_version"], headers)
            judge_host(headers, self._ours, loopback_is_ours=self._loopback_is_ours)
            _hide_inside(scope)
        except DomainError as refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)


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


def our_hosts(settings: Settings) -> Collection[str]:
    """The hosts that are served, as `judge_host` takes them."""
    public = urlsplit(settings.public_url)
    return {name for name in (public.netloc.lower(), public.hostname, *settings.allowed_hosts) if name}
