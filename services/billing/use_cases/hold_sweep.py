"""Ends lapsed holds, in bounded batches: charges what their calls had cost by the last word of it, frees the rest. Safe
to run anywhere, any number of times at once.

Wallets that others have locked are left for the next round, unless nothing else is left: then it waits for the first
one, as a posting would. A hold past its expiry can't be captured, swept or not.
"""

from services.billing.domain.ledger.lapse import lapse
from services.billing.domain.ledger.wallet import Wallet
from services.billing.service import Billing
from services.billing.store import holds, transfers, usage_records, wallets
from services.billing.store.ledger_connection import Ledger, ledger_transaction

SWEEP_EVERY_SECONDS = 0.5
_BATCH = 500


async def sweep(service: Billing) -> bool:
    """Expire up to a batch of lapsed holds; whether there may be more. Commits before it returns."""
    if not await holds.any_lapsed(service.database):
        return False
    async with ledger_transaction(service.database) as ledger:
        accounts = await holds.accounts_with_lapsed(ledger, limit=_BATCH)
        if not accounts:
            return False
        locked = await _lock_some(ledger, accounts)
        found = await holds.lapsed_of(ledger, list(locked), limit=_BATCH)
        taken = await transfers.find(ledger, {(hold.account_id, hold.id) for hold in found if hold.spent})
        decided = lapse(locked, found, taken)
        await wallets.save(ledger, decided.wallets)
        await transfers.insert(ledger, decided.transfers, at=service.clock.now())
        await holds.close(ledger, decided.holds)
        await usage_records.save(ledger, decided.usage, at=service.clock.now())
    return len(locked) < len(accounts) or len(found) == _BATCH


async def _lock_some(ledger: Ledger, accounts: list[str]) -> dict[str, Wallet]:
    return await wallets.lock_free(ledger, accounts) or await wallets.lock(ledger, accounts[:1])
