"""Makes the ledger's months ahead of time, so that no id meets a month that is not there."""

from services.billing.service import Billing
from services.billing.store import ledger_months
from services.billing.store.ledger_connection import ledger_transaction

MONTHS_EVERY_SECONDS = 3_600.0


async def make_months_ahead(service: Billing) -> bool:
    """Three months ahead by the database's clock; nothing to do but at a month's beginning."""
    async with ledger_transaction(service.database) as ledger:
        await ledger_months.make_ahead(ledger)
    return False
