"""The sandbox's own controls, beside Stripe's API: how events are delivered, injected faults, and its clock.

No key is asked: they do nothing that whoever can reach the sandbox may not do anyway. Bodies are strict JSON.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.api.control_bodies import flag, only, read_json, refused, whole, word
from deploy.stripe_sandbox.api.faults import MAX_DELAY_MS, Fault
from deploy.stripe_sandbox.domain.api_versions import is_version
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import API_VERSION
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases.turn import DELIVERY_MODES, MODE_NOTE, NORMAL, VERSION_NOTE

TRIED_AGAIN_SOON_SECONDS = 2.0
_MAX_TIMES = 1_000_000
_MAX_SECONDS = 10 * 366 * 24 * 3600


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def delivery(request: Request) -> Response:
        if request.method == "POST":
            try:
                _set_delivery(sandbox, await read_json(request))
            except StripeError as refusal:
                return refused(refusal)
        return JSONResponse(_delivery_state(sandbox))

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                sandbox.faults.add(_fault(await read_json(request)))
            except StripeError as refusal:
                return refused(refusal)
        return JSONResponse({"faults": sandbox.faults.shown()})

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            try:
                clockwork.advance(sandbox, _seconds(await read_json(request)))
            except StripeError as refusal:
                return refused(refusal)
        return JSONResponse(_clock_state(sandbox))

    return [
        Route("/test/clock", clock, methods=["GET"]),
        Route("/test/clock/advance", clock, methods=["POST"]),
        Route("/test/delivery", delivery, methods=["GET", "POST"]),
        Route("/test/faults", faults, methods=["GET", "POST"]),
    ]


def _set_delivery(sandbox: Sandbox, body: dict[str, Any]) -> None:
    """`normal` also sends what was held; what was dropped stays undelivered. The API version stays as it is where
    none is named; null means the present one."""
    only(body, "mode", "api_version")
    mode, version = word(body, "mode", DELIVERY_MODES), _version(body)
    with sandbox.store.transaction():
        sandbox.store.set_note(MODE_NOTE, mode)
        if version is not None:
            sandbox.store.set_note(VERSION_NOTE, version)
        if mode == NORMAL:
            sandbox.store.deliveries.release_held(now=sandbox.clock.real_now())
    sandbox.bell.set()


def _version(body: dict[str, Any]) -> str | None:
    """The version that was named, empty for the present one; None where none was."""
    if "api_version" not in body:
        return None
    version = body["api_version"]
    if version is None or version == API_VERSION:
        return ""
    if not isinstance(version, str) or not is_version(version):
        raise StripeError(f"api_version must be null or a date up to {API_VERSION}.", param="api_version")
    return version


def _delivery_state(sandbox: Sandbox) -> dict[str, Any]:
    mode = sandbox.store.note(MODE_NOTE) or NORMAL
    return {
        "mode": mode,
        "api_version": sandbox.store.note(VERSION_NOTE) or API_VERSION,
        "webhook_url": sandbox.settings.webhook_url,
        "deliveries": sandbox.store.deliveries.counts(),
    }


def _clock_state(sandbox: Sandbox) -> dict[str, Any]:
    """`next_due` is when something happens by itself next (business time); `undelivered` counts the events that are on
    their way or tried again within moments."""
    soon = sandbox.clock.real_now() + TRIED_AGAIN_SOON_SECONDS
    return {
        "now": sandbox.clock.now(),
        "ahead_seconds": sandbox.clock.ahead_seconds,
        "next_due": clockwork.next_due(sandbox.store),
        "undelivered": sandbox.store.deliveries.due_count(now=soon),
    }


def _seconds(body: dict[str, Any]) -> int:
    only(body, "seconds")
    return whole(body, "seconds", least=0, most=_MAX_SECONDS)


def _fault(body: dict[str, Any]) -> Fault:
    only(body, "status", "times", "path", "after", "delay_ms")
    path = body.get("path", "/v1")
    if not isinstance(path, str) or not path.startswith("/v1"):
        raise StripeError("path must begin with /v1.", param="path")
    return Fault(
        status=whole(body, "status", least=400, most=599),
        left=whole(body, "times", least=0, most=_MAX_TIMES, default=1),
        path=path,
        after=flag(body, "after"),
        delay_ms=whole(body, "delay_ms", least=0, most=MAX_DELAY_MS, default=0),
    )
