"""Sums usage up by the month and drops what is older than the policy keeps. Safe to run anywhere, any number at once.

A month's records are summed once nothing can change them, a page and its progress in each transaction. They are dropped
when the policy says so, in the transaction that has compared every sum with them.
"""

from services.billing.service import Billing
from services.billing.store import usage_rollups
from services.billing.store.ledger_connection import WalletsBusy, ledger_transaction
from shared.telemetry import logger

USAGE_EVERY_SECONDS = 3_600.0
_RECORDS_AT_ONCE = 20_000
_COMPARE_MS = 15 * 60 * 1_000


async def roll_up(billing: Billing) -> bool:
    """Sum up one page of the oldest month that is over for good; whether there may be more."""
    async with ledger_transaction(billing.database) as ledger:
        await usage_rollups.begin_months(ledger)
        month = await usage_rollups.take_month(ledger)
        if month is None:
            return False
        done = await usage_rollups.roll_up(ledger, month, limit=_RECORDS_AT_ONCE)
        if done is None:
            await usage_rollups.finish(ledger, month.month)
        else:
            await usage_rollups.save_progress(ledger, done)
    return True


async def drop_old(billing: Billing) -> bool:
    """Drop the oldest month that is past `USAGE_KEEP_MONTHS`; whether there may be another. Statements that are in
    the way are left alone, and the next round tries again."""
    keep = billing.settings.usage_keep_months
    try:
        async with ledger_transaction(billing.database) as ledger:
            month = await usage_rollups.month_to_drop(ledger, keep=keep)
            if month is None:
                return False
            dropped = await usage_rollups.drop(ledger, month, keep=keep, timeout_ms=_COMPARE_MS)
    except WalletsBusy:
        logger.info("usage_month_in_use")
        return False
    logger.info("usage_month_dropped", month=month.isoformat(), dropped=dropped)
    return dropped
