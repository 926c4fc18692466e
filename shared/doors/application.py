"""What every application has: request ids, logs and metrics of requests, problem documents for every refusal."""

import re
import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from shared.db import is_unavailable
from shared.doors.answers import problem_response
from shared.errors import DomainError, field_of
from shared.http_client import SiblingUnavailable
from shared.ids import new_id_at
from shared.siblings import Siblings
from shared.telemetry import TRAFFIC, logger, metrics_text

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Those that metrics and log name; any other is `OTHER` there."""

CALLER_LEFT = 499
"""What a request counts as whose caller was gone before its answer began (nginx's number)."""

_REQUEST_ID = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{26}")
_SUBJECT = re.compile(r"^(Input|String|List|Dictionary) should ")
"""Of a validator's sentence; the pointer before it says what is meant."""
_MESSAGES = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is required",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}
_HTTP_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not take that method.",
}


def install(app: FastAPI, *, trusts_request_id: bool) -> None:
    """Add the handlers and the outermost middleware, `/ping` and `/metrics` aside from what the service mounts.
    Behind the gateway `X-Request-Id` is the gateway's; at the gateway a caller's is ignored."""
    app.add_exception_handler(DomainError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Requests, trusts_request_id=trusts_request_id)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return problem_response(request, error)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, validation_problem(error.errors()))


def validation_problem(faults: Sequence[Any]) -> DomainError:
    """`validation_failed` with a JSON pointer and a sentence for each fault; never the value itself."""
    errors = [{"pointer": _pointer(fault["loc"]), "message": _message(fault)} for fault in faults[:20]]
    first = errors[0]
    return DomainError(
        "validation_failed",
        f"{field_of(first['pointer'])}: {first['message']}",
        extra={"errors": errors},
    )


def _pointer(location: Sequence[object]) -> str:
    where, *path = location or ("body",)
    parts = [str(part).replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode() for part in path]
    return ("" if where == "body" else f"{where}:") + "".join(f"/{part}" for part in parts)


def _message(fault: Mapping[str, Any]) -> str:
    message = _SUBJECT.sub("must ", str(fault["msg"]).removeprefix("Value error, "))
    return _MESSAGES.get(fault["type"], message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "malformed_json" if error.status_code == 400 else "internal_error")
    detail = _HTTP_DETAILS.get(error.status_code, str(error.detail))
    return problem_response(request, DomainError(code, detail, headers=error.headers, status=error.status_code))


def request_id_for(headers: Sequence[tuple[bytes, bytes]], *, trusted: bool) -> str:
    """The gateway's id where it may be trusted, else a new one (`req_...`)."""
    if trusted:
        for name, value in headers:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(text := value.decode("latin-1")):
                return text
    return new_request_id()


def new_request_id() -> str:
    return new_id_at("req", time.time_ns() // 1_000_000)


class Requests:
    """Gives each request its id, says it on the answer, logs one line and counts it. Plain ASGI, outermost."""

    def __init__(self, app: ASGIApp, *, trusts_request_id: bool) -> None:
        self._app = app
        self._trusts = trusts_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_for(scope["headers"], trusted=self._trusts)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status, begun = time.perf_counter_ns(), CALLER_LEFT, False

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
                _set_header(message, b"x-request-id", request_id.encode())
            await send(message)

        with bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            except Exception as error:
                refusal = unexpected(error)
                if begun:
                    raise
                await problem_response(Request(scope), refusal)(scope, receive, sending)
            finally:
                _tell(scope, status, time.perf_counter_ns() - started)


def unexpected(error: Exception) -> DomainError:
    """What a caller is told of an error nobody foresaw, and the log more of."""
    if is_unavailable(error) or isinstance(error, SiblingUnavailable):
        logger.warning("unavailable", error=repr(error)[:300])
        return DomainError(
            "service_unavailable", "A part of the service is away; try again.", headers={"Retry-After": "1"}
        )
    logger.error("internal_error", error=type(error).__name__, exc_info=error)
    return DomainError("internal_error", "Something went wrong on our side.")


def _set_header(message: Message, name: bytes, value: bytes) -> None:
    headers = [(key, content) for key, content in message.get("headers", ()) if key.lower() != name]
    message["headers"] = [*headers, (name, value)]


def _tell(scope: MutableMapping[str, Any], status: int, elapsed_ns: int) -> None:
    route = getattr(scope.get("route"), "path", "unrouted")
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    TRAFFIC.of(method, route).count(status, elapsed_ns)
    if route != "/ping":
        logger.info("request", method=method, route=route, status=status, elapsed_us=elapsed_ns // 1000)


async def metrics_response(request: Request) -> Response:
    """For Prometheus, what `metrics_of` has."""
    return Response(await metrics_of(request), media_type="text/plain; version=0.0.4")


async def metrics_of(request: Request) -> bytes:
    """This process's metrics, or those of all that share its port, in Prometheus's text format."""
    siblings: Siblings | None = getattr(request.app.state, "siblings", None)
    return metrics_text() if siblings is None else await siblings.metrics()
