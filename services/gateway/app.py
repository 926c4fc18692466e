"""The gateway's application."""

from fastapi import FastAPI

from services.gateway.api import (
    account,
    admin_accounts,
    admin_audit,
    admin_incidents,
    admin_keys,
    admin_routes,
    auth,
    forwarding,
    internal_accounts,
    internal_mails,
    keys,
    operations,
    problems,
    stripe_webhook,
    test_clock,
)
from services.gateway.api.edge import Edge, EdgeProtocol
from services.gateway.api.front import Front
from services.gateway.pages import buying, documentation, mailed, plain
from services.gateway.service import open_service
from services.gateway.settings import Settings
from services.gateway.use_cases.due import look_for_due
from services.gateway.worker import loops
from shared.clockwork import clock_router
from shared.doors import install
from shared.outbox import feed_router
from shared.service_auth import Verifier
from shared.service_main import lifespan

ROUTERS = [
    operations.router,
    auth.router,
    keys.router,
    account.router,
    admin_accounts.router,
    admin_audit.router,
    admin_keys.router,
    admin_routes.router,
    admin_incidents.router,
    internal_accounts.router,
    internal_mails.router,
    stripe_webhook.router,
    forwarding.router(),
    plain.router,
    buying.router,
    mailed.router,
    documentation.router,
    feed_router("gateway"),
]


def create_app(settings: Settings) -> FastAPI:
    """An application for one process; its lifespan opens the service into `app.state.service`."""
    app = FastAPI(
        title="Tollgate",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan(settings, open_service, loops),
    )
    problems.register()
    app.state.verifier = Verifier("gateway", settings.service_public_keys)
    app.state.edge = Edge(app.state, settings)
    app.state.http_protocol = EdgeProtocol
    app.add_middleware(Front, settings=settings)
    install(app, trusts_request_id=False)
    for router in ROUTERS:
        app.include_router(router)
    if settings.environment != "production":
        app.include_router(test_clock.router)
        app.include_router(clock_router("gateway", look_for_due))
    return app
