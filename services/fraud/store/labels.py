"""The table `labels`: append-only, with the time at which each became known."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.label import Label


async def learn(connection: AsyncConnection, label: Label) -> bool:
    """Write a label; False where the same was heard before."""
    result = await connection.execute(
        text(
            "INSERT INTO labels (payment_id, is_fraud, source, reference, known_at)"
            " VALUES (:payment_id, :is_fraud, :source, :reference, :known_at)"
            " ON CONFLICT (source, reference) DO NOTHING"
        ),
        {
            "payment_id": label.payment_id,
            "is_fraud": label.is_fraud,
            "source": label.source,
            "reference": label.reference,
            "known_at": label.known_at,
        },
    )
    return result.rowcount == 1


async def of_payment(connection: AsyncConnection, payment_id: str) -> list[Label]:
    """Every word on a payment, the oldest first."""
    rows = await connection.execute(
        text(
            "SELECT payment_id, is_fraud, source, reference, known_at FROM labels"
            " WHERE payment_id = :payment_id ORDER BY known_at, id"
        ),
        {"payment_id": payment_id},
    )
    return [Label(*row) for row in rows]


async def verdicts(connection: AsyncConnection, payment_ids: Collection[str], *, known_by: datetime) -> dict[str, bool]:
    """Whether each of these payments was fraud as known at an instant, as `domain.label.verdict` has it; those that
    nobody knew of are left out. Served by `labels_of_payment`."""
    rows = await connection.execute(
        text(
            """
            SELECT DISTINCT ON (payment_id) payment_id, is_fraud FROM labels
            WHERE payment_id = ANY(:payment_ids) AND known_at <= :known_by
            ORDER BY payment_id, array_position(ARRAY['operator', 'dispute', 'review'], source), known_at DESC, id DESC
            """
        ),
        {"payment_ids": list(payment_ids), "known_by": known_by},
    )
    return {row.payment_id: row.is_fraud for row in rows}
