"""The gateway's background loops. Each is safe to run twice at once."""

from collections.abc import Sequence
from functools import partial

from services.gateway.service import Gateway
from services.gateway.store import changes, sessions
from shared import idempotency, outbox
from shared.loops import Loop


def loops(service: Gateway) -> Sequence[Loop]:
    """What `serve` runs beside its answers, and `worker` alone."""

    async def forget_ended() -> bool:
        return await sessions.forget_ended(service.database, at=service.clock.real_now())

    return [
        outbox.dispatcher("gateway", service.database, service.redis),
        Loop("forget-changes", 60.0, partial(changes.forget_old, service.database)),
        Loop("forget-sessions", 300.0, forget_ended),
        Loop("forget-answers", 300.0, partial(idempotency.forget_old, service.database, service.clock)),
    ]
