"""Proves the book: every balance recomputed from the entries, streaming, on one snapshot, beside running postings."""

from collections.abc import Callable, Sequence

from services.billing.domain.ledger.audit import Auditor, Proof
from services.billing.domain.ledger.wallet import Wallet
from services.billing.store import disputes, holds, ledger_snapshots, transfers
from services.billing.store.ledger_connection import Ledger, ledger_snapshot
from shared.db import Database

Progress = Callable[[int], None]
"""Told, after each page, how many transfers were checked."""


def say_nothing(_checked: int) -> None:
    """For callers who watch no progress."""


async def verify_ledger(database: Database, *, progress: Progress = say_nothing) -> Proof:
    """Recompute the book. Holds one read-only transaction as long as it takes, and pages of it in memory."""
    async with ledger_snapshot(database) as ledger:
        auditor = Auditor(open_holds=await holds.open_sums(ledger), open_disputes=await disputes.open_counts(ledger))
        async for page in transfers.stream(ledger):
            await _check(ledger, auditor, list(auditor.check_transfers(page)))
            progress(auditor.transfers)
        await _check(ledger, auditor, list(auditor.end_account()))
        async for idle in ledger_snapshots.wallets_without_transfers(ledger):
            for wallet in idle:
                auditor.check_wallet(wallet, Wallet(wallet.account_id))
        return auditor.proof()


async def _check(ledger: Ledger, auditor: Auditor, recomputed: Sequence[Wallet]) -> None:
    if not recomputed:
        return
    kept = await ledger_snapshots.wallets_of(ledger, [wallet.account_id for wallet in recomputed])
    for wallet in recomputed:
        auditor.check_wallet(kept.get(wallet.account_id), wallet)
