"""Licensing as an application: its doors, and its loops beside them. A path that nothing serves answers 404."""

from functools import partial

from fastapi import FastAPI

import services.licensing.api.refusals  # noqa: F401  makes licensing's codes known
from services.licensing.api import (
    activations,
    internal,
    license_activations,
    license_files,
    licenses,
    licenses_admin,
    public_keys,
    validate,
)
from services.licensing.service import NAME, open_service
from services.licensing.settings import Settings
from services.licensing.use_cases.due import look_for_due
from services.licensing.worker import loops
from shared import doors
from shared.clock import Clock
from shared.clockwork import clock_router
from shared.health import operations_router
from shared.outbox import feed_router
from shared.service_auth import Verifier
from shared.service_main import lifespan

ROUTERS = (
    validate.router,  # what is asked most is found first
    operations_router(NAME),
    feed_router(NAME),
    activations.router,
    public_keys.router,
    license_activations.router,
    license_files.router,
    licenses_admin.router,
    licenses.router,
    internal.router,
)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """Its lifespan opens the service into `app.state.service`. `clock` is the one that is kept unless a test gives
    another."""
    opened = partial(open_service, clock=clock)
    app = FastAPI(
        title="Tollgate: licensing",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan(settings, opened, loops),
    )
    app.state.verifier = Verifier(NAME, settings.service_public_keys)
    doors.install(app, trusts_request_id=True)
    for router in ROUTERS:
        app.include_router(router)
    if settings.environment != "production":
        app.include_router(clock_router(NAME, look_for_due))
    return app
