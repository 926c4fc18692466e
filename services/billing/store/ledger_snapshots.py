"""Reading the whole book at one moment, in pages."""

from collections.abc import AsyncIterator, Collection, Sequence

from services.billing.domain.ledger.wallet import Wallet
from services.billing.store.ledger_connection import Ledger
from services.billing.store.wallets import wallet_from

_PAGE = 2_000


async def wallets_of(ledger: Ledger, account_ids: Collection[str]) -> dict[str, Wallet]:
    """The kept wallets of these accounts."""
    rows = await ledger.fetch(
        "SELECT account_id, balance, held, last_position, open_disputes, overdrawn, next_expiry_at FROM wallets"
        " WHERE account_id = ANY($1::text[])",
        list(account_ids),
    )
    return {row["account_id"]: wallet_from(row) for row in rows}


async def wallets_without_transfers(ledger: Ledger) -> AsyncIterator[Sequence[Wallet]]:
    """Wallets that nothing was ever posted to, in pages: all of them should be empty."""
    cursor = await ledger.cursor(
        """
        SELECT account_id, balance, held, last_position, open_disputes, overdrawn, next_expiry_at FROM wallets
        WHERE NOT EXISTS (SELECT FROM transfers
                          WHERE transfers.account_id = wallets.account_id AND transfers.kind <> 'void')
        """
    )
    while rows := await cursor.fetch(_PAGE):
        yield [wallet_from(row) for row in rows]
