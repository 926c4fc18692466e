"""What operators see of abuse, and how they lift a ban (S2)."""

from services.gateway.service import Gateway
from services.gateway.store import bans, incidents
from services.gateway.store.buckets import BucketsUnavailable
from services.gateway.store.incidents import Incident
from services.gateway.use_cases.changing import changing
from shared import audit, changes
from shared.errors import NotFound
from shared.ids import new_id
from shared.telemetry import logger


async def list_incidents(gateway: Gateway, *, kind: str | None, after: str | None, limit: int) -> list[Incident] | None:
    """Newest first, one more than `limit`; None where `after` is no incident."""
    async with gateway.database.transaction() as connection:
        if after is not None and not await incidents.exists(connection, after):
            return None
        return await incidents.page(connection, gateway.settings.seal_keys, kind=kind, after=after, limit=limit)


async def lift_ban(gateway: Gateway, actor: audit.Actor, key_id: str) -> None:
    """The key may call again, everywhere within 1 s. Lifting where there is no ban changes nothing. NotFound."""
    now = gateway.clock.real_now()
    async with changing(gateway) as connection:
        found = await bans.lock_key(connection, key_id)
        if found is None:
            raise NotFound("API key")
        account_id, banned_until = found
        if banned_until is not None and banned_until > now:
            await bans.lift(connection, key_id, by=actor.account_id, now=now)
            lifted = Incident(new_id("inc", at=now), "ban_lifted", now, account_id, key_id)
            await incidents.record(connection, gateway.settings.seal_keys, lifted)
            await changes.note(connection, "key", key_id)
            await audit.write(connection, actor, "key.ban_lifted", key_id, at=gateway.clock.now())
    try:
        await gateway.paid.buckets.lift(account_id, key_id)
    except BucketsUnavailable as error:
        logger.warning("ban_not_forgotten", key_id=key_id, error=str(error))
