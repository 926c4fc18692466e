"""Requests that bear an Idempotency-Key: once done, ever after the same answer."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from shared.clock import Clock
from shared.db import Database
from shared.idempotency import Claim, Replay, claim, key_of
from shared.settings import ServiceSettings


class _Service(Protocol):
    @property
    def database(self) -> Database: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def settings(self) -> ServiceSettings: ...


async def idempotently(request: Request, scope: str, work: Callable[[Claim], Awaitable[Response]]) -> Response:
    """Do `work` unless its answer is known. Work that raises has changed nothing that lasts, so its key may be used
    again. `scope` is whose key it is (an account's id); the same key on another path is another key."""
    service: _Service = request.app.state.service
    path = f"{request.method} {request.url.path}"
    try:
        claimed = await claim(
            service.database,
            service.clock,
            scope=f"{scope} {path}",
            key=key_of(request),
            fingerprint=path.encode() + b"\n" + getattr(request.state, "body", b""),
            pepper=service.settings.idempotency_pepper,
        )
    except Replay as first:
        return first.response()
    try:
        return await work(claimed)
    except BaseException:
        await claimed.give_back(service.database)
        raise
