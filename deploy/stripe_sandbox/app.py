"""The sandbox as an ASGI application: its doors, and the two tasks that run beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.api import billing_controls, card_controls, controls, dispatch, money_controls
from deploy.stripe_sandbox.api.faults import fault_body
from deploy.stripe_sandbox.delivery import Courier
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages import authentication, front, invoice, payment, portal
from deploy.stripe_sandbox.sandbox import Sandbox, kept_clock
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store

RESTART_SECONDS = 1.0

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Starlette:
    """Opens the data file at once (a broken one is said before the port is open); closes it at shutdown."""
    store = Store(settings.data_file)
    sandbox = Sandbox(settings=settings, store=store, clock=kept_clock(store))
    with sandbox.store.transaction():
        _keep_endpoint(sandbox)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_kept_alive("courier", lambda: Courier(sandbox).run())),
            asyncio.create_task(_kept_alive("clockwork", lambda: clockwork.run(sandbox))),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            sandbox.store.close()

    app = Starlette(
        routes=[
            *dispatch.routes(sandbox),
            *controls.routes(sandbox),
            *money_controls.routes(sandbox),
            *card_controls.routes(sandbox),
            *billing_controls.routes(sandbox),
            *payment.routes(sandbox),
            *invoice.routes(sandbox),
            *portal.routes(sandbox),
            *authentication.routes(sandbox),
            *front.routes(sandbox),
        ],
        lifespan=lifespan,
        exception_handlers={Exception: _broken},
    )
    app.state.sandbox = sandbox
    return app


async def _kept_alive(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Begins again after a fault (a full disk, say): a silent courier would look like a lost webhook."""
    while True:
        try:
            await run()
            return
        except Exception:
            log.exception("the %s stumbled and begins again", name)
            await asyncio.sleep(RESTART_SECONDS)


async def _broken(request: Request, fault: Exception) -> Response:
    """A fault of the sandbox's own, in Stripe's shape; the traceback is in the log."""
    return JSONResponse(fault_body(500), status_code=500)


def _keep_endpoint(sandbox: Sandbox) -> None:
    """The one webhook endpoint, as `GET /v1/webhook_endpoints` shows it; its address follows the command
    line."""
    found, _ = sandbox.store.objects.page(Page(kind="webhook_endpoint", limit=1))
    url = sandbox.settings.webhook_url
    if found:
        sandbox.store.objects.save({**found[0], "url": url, "status": "enabled" if url else "disabled"})
        return
    turn = sandbox.turn()
    endpoint: Json = {
        "id": turn.new_id("webhook_endpoint"),
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": turn.now,
        "description": "The address on the sandbox's command line",
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled" if url else "disabled",
        "url": url,
    }
    sandbox.store.objects.insert(endpoint)
