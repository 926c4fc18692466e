"""The sandbox as an ASGI application: its doors, and the two tasks that run beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.api import controls, dispatch
from deploy.stripe_sandbox.delivery import Courier
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.pages import front, payment
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store


def create_app(settings: Settings) -> Starlette:
    """Opens the data file at once (a broken one is said before the port is open); closes it at shutdown."""
    sandbox = Sandbox(settings=settings, store=Store(settings.data_file))
    with sandbox.store.transaction():
        _keep_endpoint(sandbox)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(Courier(sandbox).run()), asyncio.create_task(clockwork.run(sandbox))]
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
            *payment.routes(sandbox),
            *front.routes(sandbox),
        ],
        lifespan=lifespan,
    )
    app.state.sandbox = sandbox
    return app


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
