"""The application: two prefixes, a counter before them."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.local.demo_upstream import anthropic, echo, openai
from deploy.local.demo_upstream.calls import Calls
from deploy.local.demo_upstream.errors import ApiError, by_path

# Providers compress for callers that allow it; streams stay plain.
GZIP_FROM_BYTES = 500


def create_app() -> ASGIApp:
    """The whole stand-in. Its counters live as long as it does."""
    calls = Calls()

    async def ping(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def counted(request: Request) -> Response:
        return JSONResponse(calls.as_json(request.query_params.get("prefix", "")))

    demo = Starlette(
        routes=[*openai.ROUTES, *anthropic.ROUTES],
        exception_handlers={ApiError: by_path, 404: by_path, 405: by_path},
        middleware=[Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES)],
    )
    demo.router.redirect_slashes = False
    inner = Starlette(routes=[Route("/ping", ping), Route("/calls", counted), Mount("/demo", demo)])
    return _Doors(inner, calls)


class _Doors:
    """Counts what comes in for the two prefixes, and gives `/echo` the connection itself.

    `/echo` stays outside the framework, for it must see the path as it was sent and be able to cut its own
    connection.
    """

    def __init__(self, inner: ASGIApp, calls: Calls) -> None:
        self._inner = inner
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        path = echo.sent_path(scope)
        is_echo = path == "/echo" or path.startswith("/echo/")
        if is_echo or path.startswith("/demo/"):
            self._calls.count(path)
        await (echo.answer if is_echo else self._inner)(scope, receive, send)
