"""The table `dispute_changes`: append-only. The service's role can't update or delete its rows."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.dispute import DisputeId
from services.billing.domain.dispute_shares import ShareChange


async def insert(connection: AsyncConnection, change: ShareChange) -> None:
    await connection.execute(
        text(
            "INSERT INTO dispute_changes (transfer_id, dispute_id, millicredits, made_at)"
            " VALUES (:transfer_id, :dispute_id, :millicredits, :made_at)"
        ),
        {
            "transfer_id": change.transfer_id,
            "dispute_id": change.dispute_id,
            "millicredits": change.millicredits,
            "made_at": change.made_at,
        },
    )


async def of_payment(connection: AsyncConnection, payment_id: str) -> list[ShareChange]:
    """Of all disputes of a payment, the oldest first. Served by `disputes_of_payment` and
    `dispute_changes_of_dispute`."""
    found = await connection.execute(
        text(
            "SELECT transfer_id, dispute_id, dispute_changes.millicredits, made_at FROM dispute_changes"
            " JOIN disputes ON disputes.id = dispute_id WHERE payment_id = :payment_id ORDER BY transfer_id"
        ),
        {"payment_id": payment_id},
    )
    return [ShareChange(row.transfer_id, DisputeId(row.dispute_id), row.millicredits, row.made_at) for row in found]
