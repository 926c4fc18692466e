"""The lots that credits came in: a row for each purchase and each operator's grant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.billing.store.ledger_connection import Ledger

PROMOTIONAL_PRIORITY = 10
PAID_PRIORITY = 20
"""Lower priorities are burnt first."""


@dataclass(frozen=True, slots=True)
class CreditGrant:
    """`id` is the transfer's that brought it; `amount` in millicredits."""

    account_id: str
    id: UUID
    kind: Literal["paid", "promotional"]
    amount: int
    expires_at: datetime | None
    reference: str | None

    @property
    def priority(self) -> int:
        return PAID_PRIORITY if self.kind == "paid" else PROMOTIONAL_PRIORITY


async def insert(ledger: Ledger, grant: CreditGrant, *, at: datetime) -> None:
    """Append it. A payment that gave its credits already violates a unique key."""
    await ledger.execute(
        "INSERT INTO credit_grants (account_id, id, kind, amount, priority, expires_at, reference, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        grant.account_id,
        grant.id,
        grant.kind,
        grant.amount,
        grant.priority,
        grant.expires_at,
        grant.reference,
        at,
    )


async def purchase_of(ledger: Ledger, account_id: str, reference: str) -> UUID | None:
    """The transfer by which a payment gave its credits, if it did."""
    found: UUID | None = await ledger.fetchval(
        "SELECT id FROM credit_grants WHERE account_id = $1 AND reference = $2 AND kind = 'paid'",
        account_id,
        reference,
    )
    return found
