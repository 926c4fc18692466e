"""Licensing's background loops. Each may run twice at once."""

from functools import partial

from services.licensing.service import Licensing
from shared import idempotency, mails, outbox
from shared.loops import Loop

FORGET_SECONDS = 600.0


def loops(licensing: Licensing) -> list[Loop]:
    """Number events; forget old idempotent answers."""

    async def forget() -> bool:
        return await idempotency.forget_old(licensing.database, licensing.clock)

    return [
        outbox.dispatcher("licensing", licensing.database, licensing.redis),
        Loop("forget-news", 3600.0, partial(outbox.forget_old, licensing.database, licensing.clock)),
        mails.loop("mails", licensing.database, licensing.gateway, licensing.clock),
        Loop("licensing-forgets-answers", FORGET_SECONDS, forget),
    ]
