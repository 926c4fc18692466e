"""Stripe's events are forgotten: first their rows, then, a month at a time, the key that copies of them are under."""

from datetime import date, timedelta

from services.billing.service import Billing
from services.billing.store import webhook_bodies, webhook_events
from shared.telemetry import logger_of

logger = logger_of("stripe")

_AT_ONCE = 1_000
_SEALED_ANEW_AT_ONCE = 100


async def forget_events(billing: Billing) -> bool:
    """Delete a batch of events that were dealt with `WEBHOOK_KEEP_DAYS` ago; else, of months that ended so long ago,
    put what is left (failed and parked events, late ones) under this month's key, and drop the month's own. Whether
    there may be more to do."""
    before = billing.clock.now() - timedelta(days=billing.settings.webhook_keep_days)
    async with billing.database.transaction() as connection:
        if await webhook_events.forget_old(connection, before=before, limit=_AT_ONCE):
            return True
    return await _forget_months(billing, before=webhook_bodies.month_of(before))


async def _forget_months(billing: Billing, *, before: date) -> bool:
    keys = billing.settings.seal_keys
    async with billing.database.transaction() as connection:
        under = await webhook_bodies.key_of_month(connection, billing.clock.now(), keys)
        moved = await webhook_bodies.seal_anew(
            connection, before=before, under=under, keys=keys, limit=_SEALED_ANEW_AT_ONCE
        )
        dropped = await webhook_bodies.drop_keys(connection, before=before)
    if moved or dropped:
        logger.info("webhook_months_forgotten", sealed_anew=moved, months=[str(month) for month in dropped])
    return moved > 0
