"""Judged payments with what became of them, for training."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.past_payment import PastPayment

_PAGE = """
-- Judged payments by the primary key, each with its outcome, its label as it is now (domain/label.py's order of
-- sources) and when it was first known as fraud. Locks nothing.
SELECT assessed.id, least(assessed.occurred_at, assessed.created_at) AS at, assessed.account_id,
       coalesce('device:' || device_id, 'ip:' || ip_match, 'payment:' || payment_id) AS place,
       assessed.amount_usd_minor, outcome.status, word.is_fraud, first_word.known_at
FROM fraud_assessments AS assessed
LEFT JOIN payment_outcomes AS outcome USING (payment_id)
LEFT JOIN LATERAL (
    SELECT is_fraud FROM labels WHERE labels.payment_id = assessed.payment_id
    ORDER BY array_position(ARRAY['operator', 'dispute', 'review'], source), known_at DESC, id DESC LIMIT 1
) AS word ON true
LEFT JOIN LATERAL (
    SELECT min(known_at) AS known_at FROM labels WHERE labels.payment_id = assessed.payment_id AND labels.is_fraud
) AS first_word ON true
WHERE (CAST(:after AS uuid) IS NULL OR assessed.id > :after) AND assessed.amount_usd_minor IS NOT NULL
ORDER BY assessed.id LIMIT :limit
"""


async def page(connection: AsyncConnection, after: UUID | None, *, limit: int) -> list[tuple[UUID, PastPayment]]:
    """Payments judged after an assessment (None: from the first on), in the order in which they were judged."""
    rows = await connection.execute(text(_PAGE), {"after": after, "limit": limit})
    return [(row.id, _payment(row)) for row in rows]


def _payment(row: Any) -> PastPayment:
    return PastPayment(
        at=row.at,
        account=row.account_id,
        terminal=row.place,
        cents=row.amount_usd_minor,
        status=row.status,
        is_fraud=row.is_fraud,
        known_at=row.known_at,
    )
