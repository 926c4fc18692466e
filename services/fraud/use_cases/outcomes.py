"""What became of payments, what a tier's payments usually come to, and what is forgotten of payments."""

from datetime import datetime, timedelta

from services.fraud.service import Fraud
from services.fraud.store import outcomes, tier_norms, trait_uses
from shared.db import Connection

NORMS_LOOK_BACK = timedelta(days=30)


async def note_outcome(connection: Connection, payment_id: str, *, account_id: str, status: str, at: datetime) -> None:
    """Keep a payment's latest word in the caller's transaction; news of one payment come in order."""
    await outcomes.note(connection, payment_id, account_id=account_id, status=status, at=at)


async def renew_norms(fraud: Fraud) -> bool:
    """Measure anew what 95 of 100 payments of each tier stay under, over the last days. Never in a hurry."""
    now = fraud.clock.now()
    async with fraud.database.transaction() as connection:
        await tier_norms.renew(connection, since=now - NORMS_LOOK_BACK, at=now)
    return False


async def forget_addresses(fraud: Fraud) -> bool:
    """Forget that accounts paid from addresses, long ago; whether there may be more. Addresses change hands."""
    oldest = fraud.clock.now() - timedelta(days=fraud.settings.fraud_address_days)
    async with fraud.database.transaction() as connection:
        return await trait_uses.forget_addresses(connection, before=oldest) == trait_uses.PURGE_PAGE
