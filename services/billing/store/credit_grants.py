"""The lots that credits came in: a row for each purchase and each operator's grant, and which wallets have some that
will expire."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.billing.domain.ledger.grants import Lot
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


async def lots(ledger: Ledger, account_id: str, lot_ids: Collection[UUID]) -> list[Lot]:
    """These lots of the account's; by the primary key."""
    rows = await ledger.fetch(
        "SELECT id, amount, priority, expires_at, created_at FROM credit_grants"
        " WHERE account_id = $1 AND id = ANY($2::uuid[])",
        account_id,
        list(lot_ids),
    )
    return [Lot(**row) for row in rows]


async def next_expiry_after(ledger: Ledger, account_id: str, at: datetime) -> datetime | None:
    """When the account's next lot expires, whether something is left of it or not: a reversal may still give back
    to it."""
    found: datetime | None = await ledger.fetchval(
        "SELECT min(expires_at) FROM credit_grants WHERE account_id = $1 AND expires_at > $2", account_id, at
    )
    return found


@dataclass(frozen=True, slots=True)
class Expiring:
    """A wallet with lots that will expire, or that are due."""

    next_expiry_at: datetime
    account_id: str


async def due(ledger: Ledger, *, at: datetime, after: Expiring | None, limit: int) -> list[Expiring]:
    """Wallets whose credits may have expired by `at`, the longest due first; by the index of such wallets."""
    rows = await ledger.fetch(
        """
        SELECT next_expiry_at, account_id FROM wallets
        WHERE next_expiry_at <= $1 AND ($2::timestamptz IS NULL OR (next_expiry_at, account_id) > ($2, $3))
        ORDER BY next_expiry_at, account_id LIMIT $4
        """,
        at,
        after.next_expiry_at if after else None,
        after.account_id if after else None,
        limit,
    )
    return [Expiring(**row) for row in rows]
