"""Reading a request's body with a bound, for every door."""

import json

from starlette.requests import Request

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json

_MAX_NESTING = 8  # a parser never sees what could exhaust its stack


async def read_body(request: Request, most: int) -> bytes:
    """The body, or a 413 as soon as it is longer than `most` bytes."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise StripeError("Request body too large.", status=413)
        parts.append(part)
    return b"".join(parts)


async def read_object(request: Request, most: int) -> Json:
    """The body as a JSON object without much inside, or a refusal."""
    raw = await read_body(request, most)
    if raw.count(b"[") + raw.count(b"{") > _MAX_NESTING:
        raise StripeError("The body must be a flat JSON object.")
    try:
        body = json.loads(raw)
    except ValueError as broken:
        raise StripeError("The body must be JSON.") from broken
    if not isinstance(body, dict):
        raise StripeError("The body must be a JSON object.")
    return body
