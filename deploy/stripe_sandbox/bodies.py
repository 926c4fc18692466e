"""Reading a request's body with a bound, for every door."""

from starlette.requests import Request

from deploy.stripe_sandbox.domain.errors import StripeError


async def read_body(request: Request, most: int) -> bytes:
    """The body, or a 413 as soon as it is longer than `most` bytes."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > most:
            raise StripeError("Request body too large.", status=413)
        parts.append(part)
    return b"".join(parts)
