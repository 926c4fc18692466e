"""Proves the money book, streaming, on one snapshot; and lists what waits between it and the credits' side."""

from services.billing.domain.books.audit import MoneyAuditor, MoneyProof
from services.billing.domain.books.reports import trial_balance
from services.billing.store import book_sums
from services.billing.store.ledger_connection import ledger_snapshot
from services.billing.use_cases.reports import BEGINNING, END
from shared.db import Database


async def verify_books(database: Database) -> MoneyProof:
    """Sum every money posting anew. Locks nothing."""
    auditor = MoneyAuditor()
    async with ledger_snapshot(database) as ledger:
        async for page in book_sums.posting_sums(ledger):
            auditor.check(page)
        transfers = await book_sums.transfers_by_kind(ledger, start=BEGINNING, end=END)
        money = await book_sums.money_sums(ledger, start=BEGINNING, end=END)
    return auditor.proof(trial_balance(transfers, money))
