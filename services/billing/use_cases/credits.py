"""What an account has, and every entry that made it so (C3, C10)."""

from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.ledger.wallet import Wallet
from services.billing.service import Billing
from services.billing.store import transfers, wallets
from services.billing.store.ledger_connection import ledger_transaction
from shared import ids
from shared.errors import DomainError

ENTRY_PREFIX = "txn"


async def read_wallet(billing: Billing, account_id: str) -> Wallet:
    """The wallet as committed; zeros where the account has none yet."""
    async with ledger_transaction(billing.database) as ledger:
        return await wallets.read(ledger, account_id)


async def list_entries(billing: Billing, account_id: str, *, after: str | None, limit: int) -> list[Posted]:
    """The account's entries in the order of posting, newest first, those before the entry `after`."""
    async with ledger_transaction(billing.database) as ledger:
        before = None
        if after is not None:
            entry_id = ids.decode(ENTRY_PREFIX, after)
            last = await transfers.posted_one(ledger, account_id, entry_id) if entry_id else None
            if last is None:
                raise DomainError("invalid_cursor", "There is nothing with the id that `after` names.")
            before = last.transfer.position
        return await transfers.page(ledger, account_id, before=before, limit=limit)
