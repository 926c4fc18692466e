"""Requests that bear an Idempotency-Key: once done, ever after the same answer."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import Response

from services.billing.api.guards import billing_of, caller_of
from shared.idempotency import Claim, Replay, claim, key_of


async def idempotently(request: Request, work: Callable[[Claim], Awaitable[Response]]) -> Response:
    """Do `work` unless its answer is known. Work that raises has changed nothing that lasts, so its key may be used
    again. A key is the account's, and another path's is another key."""
    billing = billing_of(request)
    path = f"{request.method} {request.url.path}"
    try:
        claimed = await claim(
            billing.database,
            billing.clock,
            scope=f"{caller_of(request).account_id} {path}",
            key=key_of(request),
            fingerprint=path.encode() + b"\n" + getattr(request.state, "body", b""),
            pepper=billing.settings.idempotency_pepper,
        )
    except Replay as first:
        return first.response()
    try:
        return await work(claimed)
    except BaseException:
        await claimed.give_back(billing.database)
        raise
