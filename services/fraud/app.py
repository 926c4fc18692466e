"""Fraud as an application: its doors, and its loops beside them."""

from fastapi import FastAPI

from services.fraud.api import (
    assessments,
    audit,
    blacklist,
    blacklist_files,
    blacklist_internal,
    devices,
    labels,
    reviews,
    rules,
)
from services.fraud.service import open_service
from services.fraud.settings import Settings
from services.fraud.use_cases.due import look_for_due
from services.fraud.worker import loops
from shared import doors
from shared.clockwork import clock_router
from shared.health import operations_router
from shared.outbox import feed_router
from shared.service_auth import Verifier
from shared.service_main import lifespan


def create_app(settings: Settings) -> FastAPI:
    """Its lifespan opens the service into `app.state.service`."""
    app = FastAPI(
        title="Tollgate: fraud",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan(settings, open_service, loops),
    )
    app.state.verifier = Verifier("fraud", settings.service_public_keys)
    doors.install(app, trusts_request_id=True)
    for router in ROUTERS:
        app.include_router(router)
    if settings.environment != "production":
        app.include_router(clock_router("fraud", look_for_due))
    return app


ROUTERS = (
    assessments.router,  # what is asked most is found first
    operations_router("fraud"),
    feed_router("fraud"),
    audit.router,
    blacklist.router,
    blacklist_internal.router,
    blacklist_files.router,
    labels.router,
    reviews.router,
    devices.router,
    devices.operators,
    devices.internal,
    rules.router,
)
