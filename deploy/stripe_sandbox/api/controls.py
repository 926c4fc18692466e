"""The sandbox's own controls, beside Stripe's API: how events are delivered, and injected faults.

No key is asked: they do nothing that whoever can reach the sandbox may not do anyway. Bodies are strict JSON.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.api.faults import MAX_DELAY_MS, Fault
from deploy.stripe_sandbox.bodies import read_body
from deploy.stripe_sandbox.domain.errors import StripeError, error_body
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases.turn import DELIVERY_MODES, MODE_NOTE, NORMAL

_MAX_BYTES = 1 << 16
_MAX_NESTING = 8  # a parser never sees what could exhaust its stack
_MAX_TIMES = 1_000_000
_MAX_SECONDS = 10 * 366 * 24 * 3600


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    async def delivery(request: Request) -> Response:
        if request.method == "POST":
            try:
                _set_mode(sandbox, _mode(await _body(request)))
            except StripeError as refusal:
                return _refused(refusal)
        return JSONResponse(_delivery_state(sandbox))

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                sandbox.faults.add(_fault(await _body(request)))
            except StripeError as refusal:
                return _refused(refusal)
        return JSONResponse({"faults": sandbox.faults.shown()})

    async def clock(request: Request) -> Response:
        if request.method == "POST":
            try:
                clockwork.advance(sandbox, _seconds(await _body(request)))
            except StripeError as refusal:
                return _refused(refusal)
        return JSONResponse({"now": sandbox.clock.now()})

    return [
        Route("/test/clock", clock, methods=["GET"]),
        Route("/test/clock/advance", clock, methods=["POST"]),
        Route("/test/delivery", delivery, methods=["GET", "POST"]),
        Route("/test/faults", faults, methods=["GET", "POST"]),
    ]


def _set_mode(sandbox: Sandbox, mode: str) -> None:
    """`normal` also sends what was held; what was dropped stays undelivered."""
    with sandbox.store.transaction():
        sandbox.store.set_note(MODE_NOTE, mode)
        if mode == NORMAL:
            sandbox.store.deliveries.release_held(now=sandbox.clock.real_now())
    sandbox.bell.set()


def _delivery_state(sandbox: Sandbox) -> dict[str, Any]:
    mode = sandbox.store.note(MODE_NOTE) or NORMAL
    return {
        "mode": mode,
        "webhook_url": sandbox.settings.webhook_url,
        "deliveries": sandbox.store.deliveries.counts(),
    }


async def _body(request: Request) -> dict[str, Any]:
    raw = await read_body(request, _MAX_BYTES)
    if raw.count(b"[") + raw.count(b"{") > _MAX_NESTING:
        raise StripeError("The body must be a flat JSON object.")
    try:
        body = json.loads(raw)
    except ValueError as broken:
        raise StripeError("The body must be JSON.") from broken
    if not isinstance(body, dict):
        raise StripeError("The body must be a JSON object.")
    return body


def _mode(body: dict[str, Any]) -> str:
    _only(body, "mode")
    mode = body.get("mode")
    if not isinstance(mode, str) or mode not in DELIVERY_MODES:
        raise StripeError(f"mode must be one of {', '.join(DELIVERY_MODES)}.", param="mode")
    return mode


def _seconds(body: dict[str, Any]) -> int:
    _only(body, "seconds")
    return _number(body, "seconds", least=0, most=_MAX_SECONDS)


def _fault(body: dict[str, Any]) -> Fault:
    _only(body, "status", "times", "path", "after", "delay_ms")
    path, after = body.get("path", "/v1"), body.get("after", False)
    if not isinstance(path, str) or not path.startswith("/v1"):
        raise StripeError("path must begin with /v1.", param="path")
    if not isinstance(after, bool):
        raise StripeError("after must be true or false.", param="after")
    return Fault(
        status=_number(body, "status", least=400, most=599),
        left=_number(body, "times", least=0, most=_MAX_TIMES, default=1),
        path=path,
        after=after,
        delay_ms=_number(body, "delay_ms", least=0, most=MAX_DELAY_MS, default=0),
    )


def _number(body: dict[str, Any], name: str, *, least: int, most: int, default: int | None = None) -> int:
    number = body.get(name, default)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise StripeError(f"{name} must be a whole number from {least} to {most}.", param=name)
    return number


def _only(body: dict[str, Any], *names: str) -> None:
    unknown = sorted(set(body) - set(names))
    if unknown:
        raise StripeError(f"Unknown: {', '.join(unknown)}. Known: {', '.join(names)}.", param=unknown[0])


def _refused(refusal: StripeError) -> Response:
    return JSONResponse(error_body(refusal.message, param=refusal.param), status_code=refusal.status)
