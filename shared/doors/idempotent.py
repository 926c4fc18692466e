"""Requests that bear an Idempotency-Key: once done, ever after the same answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from shared.clock import Clock
from shared.db import Database
from shared.idempotency import RENEW_EVERY_SECONDS, Claim, Replay, claim, key_of
from shared.loops import stop
from shared.settings import ServiceSettings
from shared.telemetry import logger


class _Service(Protocol):
    @property
    def database(self) -> Database: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def settings(self) -> ServiceSettings: ...


async def idempotently(request: Request, scope: str, work: Callable[[Claim], Awaitable[Response]]) -> Response:
    """Do `work` unless its answer is known. Work that raises has changed nothing that lasts, so its key may be used
    again. `scope` is whose key it is (an account's id); with another path or body it is reused."""
    service: _Service = request.app.state.service
    path = f"{request.method} {request.url.path}"
    try:
        claimed = await claim(
            service.database,
            service.clock,
            scope=scope,
            key=key_of(request),
            fingerprint=path.encode() + b"\n" + getattr(request.state, "body", b""),
            pepper=service.settings.idempotency_pepper,
        )
    except Replay as first:
        return first.response()
    try:
        async with _renewed(service, claimed):
            return await work(claimed)
    except BaseException:
        await claimed.give_back(service.database)
        raise


@contextlib.asynccontextmanager
async def _renewed(service: _Service, claimed: Claim) -> AsyncIterator[None]:
    """Hold the claim's lease for as long as the work takes."""
    if claimed.key is None:
        yield
        return
    renewing = asyncio.create_task(_renew(service, claimed))
    try:
        yield
    finally:
        await stop([renewing])


async def _renew(service: _Service, claimed: Claim) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY_SECONDS)
        try:
            await claimed.renew(service.database, service.clock.real_now())
        except Exception as error:  # noqa: BLE001 - the next try may succeed; lost, the answer is not saved
            logger.warning("lease_not_renewed", error=repr(error))
