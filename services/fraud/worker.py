"""Fraud's background loops. Each may run twice at once."""

from functools import partial

from services.fraud.events import billing
from services.fraud.service import Fraud
from services.fraud.use_cases.decide_cases import mark_overdue
from services.fraud.use_cases.devices import forget_unclaimed
from services.fraud.use_cases.keep_blacklist import tend_blacklist
from services.fraud.use_cases.outcomes import forget_addresses, renew_norms
from services.fraud.use_cases.write_rules import tend_snoozes
from shared import changes, idempotency, outbox
from shared.loops import Loop

TEND_SECONDS = 60.0
FORGET_SECONDS = 600.0
NORMS_SECONDS = 600.0
DEADLINES_SECONDS = 30.0


def loops(fraud: Fraud) -> list[Loop]:
    """Number events; hear billing's; measure tiers; retire and purge the blacklist's entries, end snoozes, mark cases
    past their deadline; forget old idempotent answers, changes that were heard, and devices that nobody claimed."""

    async def tend() -> bool:
        return await tend_blacklist(fraud)

    async def forget() -> bool:
        return await idempotency.forget_old(fraud.database, fraud.clock)

    return [
        outbox.dispatcher("fraud", fraud.database, fraud.redis),
        billing.reader(fraud).loop(fraud.billing_bell),
        Loop("fraud-measures-tiers", NORMS_SECONDS, partial(renew_norms, fraud)),
        Loop("fraud-forgets-addresses", FORGET_SECONDS, partial(forget_addresses, fraud)),
        Loop("forget-news", 3600.0, partial(outbox.forget_old, fraud.database, fraud.clock)),
        Loop("forget-changes", FORGET_SECONDS, partial(changes.forget_old, fraud.database)),
        Loop("fraud-tends-blacklist", TEND_SECONDS, tend, by_clock=True),
        Loop("fraud-ends-snoozes", TEND_SECONDS, partial(tend_snoozes, fraud)),
        Loop("fraud-watches-deadlines", DEADLINES_SECONDS, partial(mark_overdue, fraud), by_clock=True),
        Loop("fraud-forgets-answers", FORGET_SECONDS, forget),
        Loop("fraud-forgets-devices", FORGET_SECONDS, partial(forget_unclaimed, fraud)),
    ]
