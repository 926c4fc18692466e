"""The table `disputes`. A dispute is read and written under the lock of its payment's row."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.dispute import Dispute, DisputeId
from services.billing.domain.payment import PaymentId
from services.billing.store.ledger_connection import Ledger
from shared.money import Money

_MUTABLE = (
    "status",
    "reason",
    "due_by",
    "millicredits",
    "uncovered_millicredits",
    "taken_by",
    "restored_by",
    "opened_at",
    "lost_at",
    "won_at",
    "withdrawn_at",
    "reinstated_at",
)
_COLUMNS = (
    "id, stripe_dispute_id, payment_id, account_id, charge_id, amount_minor, currency, usd_minor, created_at, "
) + ", ".join(_MUTABLE)


async def save(connection: AsyncConnection, dispute: Dispute, *, at: datetime) -> None:
    """Write a dispute whose payment is locked: the row is made, or what may change of it is changed."""
    changes = ", ".join(f"{name} = excluded.{name}" for name in (*_MUTABLE, "updated_at"))
    values = ", ".join(f":{name}" for name in _MUTABLE)
    await connection.execute(
        text(
            f"INSERT INTO disputes ({_COLUMNS}, updated_at) VALUES (:id, :stripe_dispute_id, :payment_id, :account_id,"  # noqa: S608
            f" :charge_id, :amount_minor, :currency, :usd_minor, :created_at, {values}, :updated_at)"
            f" ON CONFLICT (id) DO UPDATE SET {changes}"
        ),
        {
            **{name: getattr(dispute, name) for name in _MUTABLE},
            "id": dispute.id,
            "stripe_dispute_id": dispute.stripe_dispute_id,
            "payment_id": dispute.payment_id,
            "account_id": dispute.account_id,
            "charge_id": dispute.charge_id,
            "amount_minor": dispute.amount.amount_minor,
            "currency": dispute.amount.currency,
            "usd_minor": dispute.usd_minor,
            "created_at": dispute.created_at,
            "updated_at": at,
        },
    )


async def of_payment(connection: AsyncConnection, payment_id: str) -> list[Dispute]:
    """All disputes of a payment, the oldest first. Served by `disputes_of_payment`."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM disputes WHERE payment_id = :payment_id ORDER BY id"),  # noqa: S608
        {"payment_id": payment_id},
    )
    return [_dispute(row) for row in found]


async def find(connection: AsyncConnection, dispute_id: str) -> Dispute | None:
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM disputes WHERE id = :id"),  # noqa: S608
        {"id": dispute_id},
    )
    row = found.first()
    return None if row is None else _dispute(row)


async def page(connection: AsyncConnection, *, status: str | None, after: str | None, limit: int) -> list[Dispute]:
    """Disputes, newest first, beginning below `after`. Served by the primary key, or `disputes_by_status`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM disputes WHERE (CAST(:status AS text) IS NULL OR status = :status)"  # noqa: S608
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"status": status, "after": after, "limit": limit},
    )
    return [_dispute(row) for row in found]


async def marks(ledger: Ledger, account_id: str) -> bool:
    """Whether one of the account's disputes is open or lost. Served by `disputes_kept`."""
    found: bool = await ledger.fetchval(
        "SELECT EXISTS (SELECT FROM disputes WHERE account_id = $1 AND opened_at IS NOT NULL AND won_at IS NULL)",
        account_id,
    )
    return found


async def open_counts(ledger: Ledger) -> dict[str, int]:
    """How many disputes freeze each account. Served by `disputes_kept`."""
    rows = await ledger.fetch(
        "SELECT account_id, count(*)::integer AS open FROM disputes"
        " WHERE opened_at IS NOT NULL AND won_at IS NULL AND lost_at IS NULL GROUP BY account_id"
    )
    return {row["account_id"]: row["open"] for row in rows}


def _dispute(row: Row[Any]) -> Dispute:
    return Dispute(
        id=DisputeId(row.id),
        stripe_dispute_id=row.stripe_dispute_id,
        payment_id=PaymentId(row.payment_id),
        account_id=row.account_id,
        charge_id=row.charge_id,
        amount=Money(row.amount_minor, row.currency),
        usd_minor=row.usd_minor,
        created_at=row.created_at,
        **{name: getattr(row, name) for name in _MUTABLE},
    )
