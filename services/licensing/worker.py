"""Licensing's background loops. Each may run twice at once."""

from functools import partial

from services.licensing.events import billing
from services.licensing.service import Licensing
from services.licensing.use_cases.welcome import add_key
from shared import changes, idempotency, mails, outbox
from shared.loops import Loop

FORGET_SECONDS = 600.0


def loops(licensing: Licensing) -> list[Loop]:
    """Follow billing's news; number events; hand mails over; forget what is old."""

    async def forget() -> bool:
        return await idempotency.forget_old(licensing.database, licensing.clock)

    return [
        outbox.dispatcher("licensing", licensing.database, licensing.redis),
        Loop("forget-news", 3600.0, partial(outbox.forget_old, licensing.database, licensing.clock)),
        billing.reader(licensing).loop(licensing.billing_bell),
        Loop("forget-changes", FORGET_SECONDS, partial(changes.forget_old, licensing.database)),
        mails.loop("mails", licensing.database, licensing.gateway, licensing.clock, partial(add_key, licensing)),
        Loop("licensing-forgets-answers", FORGET_SECONDS, forget),
    ]
