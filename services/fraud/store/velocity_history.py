"""What the counters of velocity are made of, read anew from the tables."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.velocity import VelocityEvent

_FACTS = """
    assessed.id, assessed.payment_id, assessed.account_id, assessed.amount_usd_minor, assessed.card, assessed.ip_match,
    assessed.device_id, assessed.mailbox_hash, least(assessed.occurred_at, assessed.created_at) AS at,
    assessed.created_at
"""


async def payments_before(
    connection: AsyncConnection, assessment: UUID | None, *, limit: int
) -> list[tuple[UUID, datetime, VelocityEvent]]:
    """Counted payments, the latest assessed first, from before an assessment (None: from the newest on), by the primary
    key: each with its assessment's id and time."""
    rows = await connection.execute(
        text(
            f"""
            SELECT {_FACTS} FROM fraud_assessments AS assessed
            WHERE (CAST(:before AS uuid) IS NULL OR id < :before) AND amount_usd_minor IS NOT NULL
            ORDER BY id DESC LIMIT :limit
            """  # noqa: S608 - the columns are ours
        ),
        {"before": assessment, "limit": limit},
    )
    return [(row.id, row.created_at, _event(row, row.at)) for row in rows]


async def payments_of(connection: AsyncConnection, payment_ids: Collection[str]) -> list[VelocityEvent]:
    """These payments as they were counted; those that were not judged here are left out. By the unique index."""
    rows = await connection.execute(
        text(
            f"""
            SELECT {_FACTS} FROM fraud_assessments AS assessed
            WHERE payment_id = ANY(:payment_ids) AND amount_usd_minor IS NOT NULL
            """  # noqa: S608
        ),
        {"payment_ids": list(payment_ids)},
    )
    return [_event(row, row.at) for row in rows]


async def failures_after(connection: AsyncConnection, last: tuple[datetime, str], *, limit: int) -> list[VelocityEvent]:
    """Payments that failed after another one (its failure's time and its id), in that order, as failures are counted:
    at the failure's time. By the index `payment_outcomes_failed`."""
    rows = await connection.execute(
        text(
            f"""
            SELECT {_FACTS}, outcome.failed_at
            FROM payment_outcomes AS outcome JOIN fraud_assessments AS assessed USING (payment_id)
            WHERE outcome.failed_at >= :at AND (outcome.failed_at, outcome.payment_id) > (:at, :payment_id)
              AND assessed.amount_usd_minor IS NOT NULL
            ORDER BY outcome.failed_at, outcome.payment_id LIMIT :limit
            """  # noqa: S608
        ),
        {"at": last[0], "payment_id": last[1], "limit": limit},
    )
    return [_event(row, row.failed_at) for row in rows]


def _event(row: Any, at: datetime) -> VelocityEvent:
    return VelocityEvent(
        payment_id=row.payment_id,
        at=at,
        amount_usd_minor=row.amount_usd_minor,
        account=row.account_id,
        card=row.card,
        ip=row.ip_match,
        device=row.device_id,
        mailbox=row.mailbox_hash,
    )
