"""The route class: credentials, then the path, then the body."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.doors.strict_json import decode
from shared.errors import DomainError
from shared.problems import refusals_of

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 30.0

Guard = Callable[[Request], Awaitable[None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_OF_A_BODY = ("malformed_json", "request_timeout", "body_too_large", "unsupported_media_type", "validation_failed")
_GUARDS = "__tollgate_guards__"
_TAKES_KEY = "__tollgate_takes_key__"

REFUSALS = "x-refusals"
TAKES_KEY = "x-takes-key"
"""What a route tells `describing` of itself."""


def guarded(*guards: Guard) -> Callable[[Endpoint], Endpoint]:
    """Judge these in order before the body is read: who is asking, then whether what the path names is theirs.
    A guard raises DomainError, and may leave what it found on `request.state`."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _GUARDS, guards)
        return endpoint

    return mark


def takes_idempotency_key(endpoint: Endpoint) -> Endpoint:
    """Say, for the API's description, that the operation runs through `idempotently`."""
    setattr(endpoint, _TAKES_KEY, True)
    return endpoint


async def read_bounded(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body, refused as soon as it is known to pass `limit` (413 `body_too_large`), or once it has not come within
    `BODY_SECONDS` (408 `request_timeout`). Read once: `request.state.body` has it for whoever asks again."""
    if hasattr(request.state, "body"):
        return cast(bytes, request.state.body)
    too_large = DomainError("body_too_large", f"A body may have up to {limit} bytes.", headers={"Connection": "close"})
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise too_large
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise DomainError("unsupported_media_type", "Send the body without a content encoding.")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise too_large
                chunks.append(chunk)
    except TimeoutError:
        raise DomainError(
            "request_timeout", "The request's body came too slowly.", headers={"Connection": "close"}
        ) from None
    body = b"".join(chunks)
    request.state.body = body
    return body


class _JsonRequest(Request):
    """A request whose body is read and decoded already. It reads as JSON whatever its content type says: `curl -d`
    sends a form's."""

    def __init__(self, request: Request, body: bytes, value: object) -> None:
        scope = dict(request.scope)
        scope["headers"] = [
            *((name, content) for name, content in scope["headers"] if name != b"content-type"),
            (b"content-type", b"application/json"),
        ]
        super().__init__(scope, request.receive)
        self._body = body
        self._value = value

    async def json(self) -> Any:
        return self._value


class StrictRoute(APIRoute):
    """Use as `APIRouter(route_class=StrictRoute)`."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        guards: tuple[Guard, ...] = getattr(endpoint, _GUARDS, ())
        refusals = {code: status for each in (*guards, endpoint) for code, status in refusals_of(each).items()}
        self.openapi_extra = {
            **(self.openapi_extra or {}),
            **({"requestBody": {"required": False}} if _may_be_empty(self) else {}),
            REFUSALS: refusals if self.body_field is None else {**refusals, **dict.fromkeys(_OF_A_BODY, 0)},
            TAKES_KEY: getattr(endpoint, _TAKES_KEY, False),
        }

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        guards: tuple[Guard, ...] = getattr(self.endpoint, _GUARDS, ())
        field = self.body_field
        required = field is not None and field.field_info.is_required()
        empty = b"{}" if _may_be_empty(self) else b""

        async def handle(request: Request) -> Response:
            for guard in guards:
                await guard(request)
            if field is None:
                return await inner(request)
            body = await read_bounded(request)
            if not body and not required:
                return await inner(_JsonRequest(request, b"", None))
            said = body or empty
            return await inner(_JsonRequest(request, said, decode(said)))

        return handle


def _may_be_empty(route: APIRoute) -> bool:
    """Whether its body has defaults for all that it may say: an empty one is the empty object then. A change that says
    nothing is none."""
    if "PATCH" in (route.methods or ()):
        return False
    body = None if route.body_field is None else route.body_field.field_info.annotation
    return (
        isinstance(body, type)
        and issubclass(body, BaseModel)
        and not any(field.is_required() for field in body.model_fields.values())
    )
