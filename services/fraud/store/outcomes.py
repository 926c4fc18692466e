"""The table `payment_outcomes`: a row for each payment that billing told of."""

from datetime import datetime

from sqlalchemy import text

from shared.db import Connection


async def note(connection: Connection, payment_id: str, *, account_id: str, status: str, at: datetime) -> None:
    """The payment's latest status; the first time that it failed stays."""
    await connection.execute(
        text(
            """
            INSERT INTO payment_outcomes AS known (payment_id, account_id, status, failed_at, at)
            VALUES (:payment_id, :account_id, :status, :failed_at, :at)
            ON CONFLICT (payment_id) DO UPDATE
            SET status = excluded.status, at = excluded.at, failed_at = coalesce(known.failed_at, excluded.failed_at)
            """
        ),
        {
            "payment_id": payment_id,
            "account_id": account_id,
            "status": status,
            "failed_at": at if status == "failed" else None,
            "at": at,
        },
    )
