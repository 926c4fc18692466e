"""The table `late_assessments`: payments that fraud has not judged, with what it would have been told (sealed: an
address is in it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.assessments import AssessmentRequest
from shared.crypto import seal, unseal

PAGE = 20


@dataclass(frozen=True, slots=True, repr=False)
class Late:
    """One that is to be asked about now. It has no repr: an address is in it."""

    payment_id: str
    asked: AssessmentRequest


async def add(
    connection: AsyncConnection, asked: AssessmentRequest, *, keys: Mapping[int, bytes], at: datetime
) -> None:
    """Ask about this payment later. Once for each payment."""
    payment_id = asked["payment_id"]
    await connection.execute(
        text(
            "INSERT INTO late_assessments (payment_id, facts_sealed, created_at) VALUES (:id, :facts, :at)"
            " ON CONFLICT (payment_id) DO NOTHING"
        ),
        {"id": payment_id, "facts": seal(orjson.dumps(asked), keys, _context(payment_id)), "at": at},
    )


async def lease_due(connection: AsyncConnection, *, keys: Mapping[int, bytes]) -> list[Late]:
    """A page of those whose turn it is, the longest waiting first; each is put off by a pause that doubles up to a
    minute, by the database's clock. Raises CannotUnseal."""
    found = await connection.execute(
        text(
            """
            UPDATE late_assessments
            SET attempts = attempts + 1, next_at = now() + least(60, 2 ^ least(attempts, 6)) * interval '1 second'
            WHERE payment_id IN (
                SELECT payment_id FROM late_assessments WHERE next_at <= now()
                ORDER BY next_at LIMIT :page FOR UPDATE SKIP LOCKED)
            RETURNING payment_id, facts_sealed
            """
        ),
        {"page": PAGE},
    )
    return [
        Late(
            row.payment_id,
            cast(AssessmentRequest, orjson.loads(unseal(row.facts_sealed, keys, _context(row.payment_id)))),
        )
        for row in found
    ]


async def remove(connection: AsyncConnection, payment_id: str) -> None:
    """Fraud has judged it, or nobody needs to know any more."""
    await connection.execute(text("DELETE FROM late_assessments WHERE payment_id = :id"), {"id": payment_id})


def _opened(sealed: bytes, payment_id: str, keys: Mapping[int, bytes]) -> AssessmentRequest:
    return cast(AssessmentRequest, orjson.loads(unseal(sealed, keys, _context(payment_id))))


def _context(payment_id: str) -> str:
    return f"late_assessments.facts:{payment_id}"
