"""Debts that lost disputes had written off, and that were paid after all: their loss is taken back."""

from services.billing.domain.books.postings import debt_recovered
from services.billing.domain.debts import recovery_due
from services.billing.service import Billing
from services.billing.store import debts
from services.billing.store.ledger_connection import ledger_of
from services.billing.use_cases.bookkeeping import book
from services.billing.use_cases.post_credit import lock_wallet
from shared.ids import new_uuid
from shared.telemetry import logger

DEBTS_EVERY_SECONDS = 60.0


async def recover_debts(billing: Billing) -> bool:
    """Book what is due, a transaction for each account. There is never more to do at once."""
    async with billing.database.transaction() as connection:
        due = await debts.unsettled(await ledger_of(connection))
    for debt in due:
        await _recover(billing, debt.account_id)
    return False


async def _recover(billing: Billing, account_id: str) -> None:
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        await lock_wallet(connection, account_id, at=now)
        ledger = await ledger_of(connection)
        debt = await debts.of_account(ledger, account_id)
        millicredits = recovery_due(debt) if debt is not None else 0
        if millicredits == 0:
            return
        recovery_id = new_uuid(at=billing.clock.real_now())
        await debts.insert_recovery(ledger, recovery_id, account_id, millicredits=millicredits, at=now)
        await book(connection, debt_recovered(str(recovery_id), millicredits=millicredits), at=now)
    logger.info("debt_recovered", account_id=account_id, millicredits=millicredits)
