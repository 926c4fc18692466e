"""The table `review_decisions`: what was decided of held payments, each decision once, and whether it is done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PAGE = 20
Decided = Literal["approved", "rejected"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Of a payment. `page_until` is the end of the payment page that was begun to be made, business time."""

    payment_id: str
    decided: Decided
    decided_by: str
    page_until: datetime | None = None


async def add(connection: AsyncConnection, decision: Decision, *, at: datetime) -> bool:
    """Whether it was not known yet. `at` is business time."""
    added = await connection.execute(
        text(
            "INSERT INTO review_decisions (payment_id, decision, decided_by, decided_at)"
            " VALUES (:id, :decision, :by, :at) ON CONFLICT DO NOTHING"
        ),
        {"id": decision.payment_id, "decision": decision.decided, "by": decision.decided_by, "at": at},
    )
    return added.rowcount == 1


async def lease_due(connection: AsyncConnection) -> list[Decision]:
    """A page of decisions that are not done, the longest waiting first; each is put off by a pause that doubles up to a
    minute, by the database's clock. Served by `review_decisions_due`."""
    found = await connection.execute(
        text(
            """
            UPDATE review_decisions
            SET attempts = attempts + 1, next_at = now() + least(60, 2 ^ least(attempts, 6)) * interval '1 second'
            WHERE (payment_id, decision) IN (
                SELECT payment_id, decision FROM review_decisions WHERE done_at IS NULL AND next_at <= now()
                ORDER BY next_at LIMIT :page FOR UPDATE SKIP LOCKED)
            RETURNING payment_id, decision, decided_by, page_until
            """
        ),
        {"page": PAGE},
    )
    return [Decision(row.payment_id, row.decision, row.decided_by, row.page_until) for row in found]


async def keep_page_end(connection: AsyncConnection, payment_id: str, page_until: datetime) -> None:
    """The page of an approved payment ends then: the same however often it is asked for."""
    await connection.execute(
        text("UPDATE review_decisions SET page_until = :until WHERE payment_id = :id AND decision = 'approved'"),
        {"id": payment_id, "until": page_until},
    )


async def close(connection: AsyncConnection, decision: Decision, outcome: str, *, at: datetime) -> None:
    """It is done, and so it ended."""
    await connection.execute(
        text(
            "UPDATE review_decisions SET outcome = :outcome, done_at = :at"
            " WHERE payment_id = :id AND decision = :decision AND done_at IS NULL"
        ),
        {"id": decision.payment_id, "decision": decision.decided, "outcome": outcome, "at": at},
    )
