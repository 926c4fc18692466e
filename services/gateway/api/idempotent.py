"""Requests that bear an Idempotency-Key: once done, ever after the same answer."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.api.guards import gateway_of
from shared.idempotency import Claim, Replay, claim, key_of


async def idempotently(request: Request, scope: str, work: Callable[[Claim], Awaitable[Response]]) -> Response:
    """Do `work` unless its answer is known. Work that raises has changed nothing, so its key may be used again.

    `scope` is whose key it is; the same key on another path is another key.
    """
    gateway = gateway_of(request)
    path = f"{request.method} {request.url.path}"
    try:
        claimed = await claim(
            gateway.database,
            gateway.clock,
            scope=f"{scope} {path}",
            key=key_of(request),
            fingerprint=path.encode() + b"\n" + getattr(request.state, "body", b""),
            pepper=gateway.settings.idempotency_pepper,
        )
    except Replay as first:
        return first.response()
    try:
        return await work(claimed)
    except BaseException:
        await claimed.give_back(gateway.database)
        raise
