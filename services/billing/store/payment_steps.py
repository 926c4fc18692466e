"""The table `payment_steps`: append-only. The service's role can't update or delete its rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.credit_limit import CreditLimit
from services.billing.domain.payment import Payment, Status
from services.billing.domain.payment_step import Cause, CauseKind, PaymentStep


async def begin(connection: AsyncConnection, payment: Payment, cause: Cause, limit: CreditLimit | None) -> None:
    """The first step of a payment that was just inserted."""
    await connection.execute(
        text(
            "INSERT INTO payment_steps (payment_id, at, to_status, cause, reference, limit_minor, used_minor)"
            " VALUES (:id, :at, :status, :cause, :reference, :limit_minor, :used_minor)"
        ),
        {
            **_caused(cause),
            "id": payment.id,
            "at": payment.created_at,
            "status": payment.status.value,
            "limit_minor": None if limit is None else limit.limit_minor,
            "used_minor": None if limit is None else limit.used_minor,
        },
    )


async def append(connection: AsyncConnection, after: Payment, cause: Cause, *, at: datetime) -> None:
    """The step that a payment is about to make, if its status or page changes: to be called before it is saved, with
    its row locked, since the row still says what it was."""
    await connection.execute(
        text(
            """
            INSERT INTO payment_steps (payment_id, at, from_status, to_status, cause, reference, session_id)
            SELECT id, :at, payments.status, given.status, :cause, :reference,
                   CASE WHEN given.session_id IS DISTINCT FROM payments.session_id THEN given.session_id END
            FROM payments
            CROSS JOIN (SELECT CAST(:status AS text) AS status, CAST(:session_id AS text) AS session_id) AS given
            WHERE id = :id
              AND (payments.status <> given.status
                   OR (given.session_id IS NOT NULL AND given.session_id IS DISTINCT FROM payments.session_id))
            """
        ),
        {
            **_caused(cause),
            "id": after.id,
            "at": at,
            "status": after.status.value,
            "session_id": after.session_id,
        },
    )


async def of_payment(connection: AsyncConnection, payment_id: str) -> list[PaymentStep]:
    """All steps of a payment, in order. By the primary key."""
    found = await connection.execute(
        text(
            "SELECT seq, at, from_status, to_status, cause, reference, session_id, limit_minor, used_minor"
            " FROM payment_steps WHERE payment_id = :id ORDER BY seq"
        ),
        {"id": payment_id},
    )
    return [_step(row) for row in found]


def _caused(cause: Cause) -> dict[str, str | None]:
    return {"cause": cause.kind.value, "reference": cause.reference}


def _step(row: Row[Any]) -> PaymentStep:
    return PaymentStep(
        seq=row.seq,
        at=row.at,
        from_status=None if row.from_status is None else Status(row.from_status),
        to_status=Status(row.to_status),
        cause=Cause(CauseKind(row.cause), row.reference),
        session_id=row.session_id,
        limit=None if row.limit_minor is None else CreditLimit(row.limit_minor, row.used_minor),
    )
