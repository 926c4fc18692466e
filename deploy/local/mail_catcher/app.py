"""The application: mail in by SMTP, out as JSON and as pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.mail_catcher import pages
from deploy.local.mail_catcher.smtp import listening
from deploy.local.mail_catcher.store import STORE_MOST, Kept, Store

DEFAULT_LIMIT = 1_000
SHOWN_IN_THE_LIST = 200


def create_app(*, host: str, smtp_port: int, data: Path | None = None) -> Starlette:
    """Opens the file at once; listens for mail as long as the application lives (`app.state.smtp_port`)."""
    store = Store(data)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with listening(store, host=host, port=smtp_port) as port:
                app.state.smtp_port = port
                yield
        finally:
            store.close()

    app = Starlette(routes=_ROUTES, lifespan=lifespan)
    app.state.store = store
    app.router.redirect_slashes = False
    return app


async def _ping(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _messages(request: Request) -> Response:
    limit = _whole(request.query_params.get("limit", ""), DEFAULT_LIMIT)
    recipient = request.query_params.get("to")
    mails = _store(request).newest(recipient=recipient, limit=min(limit, STORE_MOST))
    return JSONResponse([mail.as_json() for mail in mails])


async def _message(request: Request) -> Response:
    mail = _asked(request)
    if mail is None:
        return JSONResponse({"error": "There is no such mail."}, 404)
    return JSONResponse(mail.as_json())


async def _mailbox(request: Request) -> Response:
    return pages.mailbox(_store(request).newest(recipient=None, limit=SHOWN_IN_THE_LIST))


async def _read(request: Request) -> Response:
    mail = _asked(request)
    return pages.not_found() if mail is None else pages.one(mail)


async def _html(request: Request) -> Response:
    mail = _asked(request)
    return pages.not_found() if mail is None else pages.mail_html(mail)


async def _style(request: Request) -> Response:
    return pages.stylesheet()


def _asked(request: Request) -> Kept | None:
    """The mail that the path names (`mail_17`)."""
    number = _whole(str(request.path_params["id"]).removeprefix("mail_"), 0)
    return _store(request).get(number)


def _store(request: Request) -> Store:
    store = request.app.state.store
    assert isinstance(store, Store)
    return store


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default


_ROUTES = [
    Route("/ping", _ping),
    Route("/messages", _messages),
    Route("/messages/{id}", _message),
    Route("/", _mailbox),
    Route("/read/{id}", _read),
    Route("/html/{id}", _html),
    Route(pages.STYLE_PATH, _style),
]
