"""JSON out: exact credits, RFC 3339 instants, problem documents."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared import problems
from shared.errors import DomainError
from shared.money import Credits, Money

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def _default(value: object) -> object:
    match value:
        case Credits():
            return orjson.Fragment(str(value))
        case Money():
            return value.as_json()
        case BaseModel():
            return dict(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")


def encode(content: object) -> bytes:
    """JSON bytes of models, dicts, lists, `Credits`, `Money` and instants."""
    return orjson.dumps(content, default=_default, option=_OPTIONS)


def answer(content: object = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; with status 204 an empty one."""
    if status == 204:
        return Response(status_code=204, headers=dict(headers or {}))
    return Response(encode(content), status, dict(headers or {}), media_type="application/json")


def problem_response(request: Request, error: DomainError) -> Response:
    """The problem document of a refusal, with the request's id."""
    body = problems.document(
        error.code,
        error.detail,
        request_id=getattr(request.state, "request_id", ""),
        instance=request.url.path,
        extra=error.extra,
    )
    status = problems.status_of(error)
    body["status"] = status
    return Response(encode(body), status, error.headers, media_type="application/problem+json")
