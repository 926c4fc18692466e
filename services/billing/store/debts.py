"""What accounts owe of lost disputes: `disputes`, `debt_recoveries` (append-only) and `wallets` together."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.billing.domain.debts import Debt
from services.billing.store.ledger_connection import Ledger

_DEBTS = """
    SELECT account_id, written_off, recovered, balance FROM (
        SELECT account_id, sum(written_off)::bigint AS written_off, sum(recovered)::bigint AS recovered FROM (
            SELECT account_id, uncovered_millicredits AS written_off, 0 AS recovered
            FROM disputes WHERE opened_at IS NOT NULL AND won_at IS NULL AND lost_at IS NOT NULL
            UNION ALL SELECT account_id, 0, millicredits FROM debt_recoveries
        ) AS both_sides GROUP BY account_id
    ) AS debts JOIN wallets USING (account_id)
"""


async def unsettled(ledger: Ledger) -> Sequence[Debt]:
    """Those that may have a recovery due. Reads all lost disputes, which are few, by `disputes_kept`."""
    rows = await ledger.fetch(
        f"{_DEBTS} WHERE written_off < recovered OR written_off - recovered > greatest(-balance, 0)"
    )
    return [Debt(**row) for row in rows]


async def of_account(ledger: Ledger, account_id: str) -> Debt | None:
    rows = await ledger.fetch(f"{_DEBTS} WHERE account_id = $1", account_id)
    return Debt(**rows[0]) if rows else None


async def insert_recovery(
    ledger: Ledger, recovery_id: UUID, account_id: str, *, millicredits: int, at: datetime
) -> None:
    """The account's wallet is locked."""
    await ledger.execute(
        "INSERT INTO debt_recoveries (id, account_id, millicredits, made_at) VALUES ($1, $2, $3, $4)",
        recovery_id,
        account_id,
        millicredits,
        at,
    )
