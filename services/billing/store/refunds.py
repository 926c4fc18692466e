"""The table `refunds`. A payment's refunds are read and written under its row's lock (`payments.locked`)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.payment import PaymentId
from services.billing.domain.refund import Refund, RefundId, RefundStatus
from shared.money import Money

_COLUMNS = (
    "id, payment_id, amount_minor, currency, status, created_at, requested_by, reason, asked_key, stripe_id,"
    " failure_reason, taken_millicredits, returned_millicredits, transfer_id, return_transfer_id"
)


async def insert(connection: AsyncConnection, refund: Refund) -> None:
    """A new refund. The loop leaves it alone for the 30 seconds in which whoever asked settles it."""
    await connection.execute(
        text(
            f"INSERT INTO refunds ({_COLUMNS}, updated_at) VALUES (:id, :payment_id, :amount_minor, :currency,"  # noqa: S608
            " :status, :created_at, :requested_by, :reason, :asked_key, :stripe_id, :failure_reason,"
            " :taken_millicredits, :returned_millicredits, :transfer_id, :return_transfer_id, :created_at)"
        ),
        {
            **_mutable(refund),
            "id": refund.id,
            "payment_id": refund.payment_id,
            "amount_minor": refund.amount.amount_minor,
            "currency": refund.amount.currency,
            "created_at": refund.created_at,
            "requested_by": refund.requested_by,
            "reason": refund.reason,
        },
    )


async def save(connection: AsyncConnection, refund: Refund, *, at: datetime) -> None:
    """Write what may change of a refund."""
    await connection.execute(
        text(
            "UPDATE refunds SET status = :status, asked_key = :asked_key, stripe_id = :stripe_id,"
            " failure_reason = :failure_reason, taken_millicredits = :taken_millicredits,"
            " returned_millicredits = :returned_millicredits, transfer_id = :transfer_id,"
            " return_transfer_id = :return_transfer_id, updated_at = :at WHERE id = :id"
        ),
        {**_mutable(refund), "id": refund.id, "at": at},
    )


async def of_payment(connection: AsyncConnection, payment_id: str) -> list[Refund]:
    """All refunds of a payment, oldest first. Served by `refunds_of_payment`."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM refunds WHERE payment_id = :payment_id ORDER BY id"),  # noqa: S608
        {"payment_id": payment_id},
    )
    return [_refund(row) for row in found]


async def page(connection: AsyncConnection, payment_id: str, *, after: str | None, limit: int) -> list[Refund]:
    """The payment's refunds, newest first, beginning below `after`. Served by `refunds_of_payment`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM refunds WHERE payment_id = :payment_id"  # noqa: S608
            " AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"payment_id": payment_id, "after": after, "limit": limit},
    )
    return [_refund(row) for row in found]


async def forget_key(connection: AsyncConnection, asked_key: bytes, *, before: datetime) -> None:
    """Let a request's key be used anew where it was used before that instant."""
    await connection.execute(
        text("UPDATE refunds SET asked_key = NULL WHERE asked_key = :asked_key AND created_at < :before"),
        {"asked_key": asked_key, "before": before},
    )


async def lease_asked_for(connection: AsyncConnection, *, limit: int) -> list[Refund]:
    """Refunds whose answer from Stripe is not known, leased for a pause that doubles from 30 seconds to an hour."""
    found = await connection.execute(
        text(
            f"""
            UPDATE refunds SET attempts = attempts + 1,
                leased_until = now() + least(interval '1 hour', interval '30 seconds' * 2 ^ least(attempts, 10))
            WHERE id IN (SELECT id FROM refunds WHERE status = 'requested' AND leased_until <= now()
                         ORDER BY leased_until LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING {_COLUMNS}
            """  # noqa: S608
        ),
        {"limit": limit},
    )
    return [_refund(row) for row in found]


def _mutable(refund: Refund) -> dict[str, Any]:
    return {
        "status": refund.status.value,
        "asked_key": refund.asked_key,
        "stripe_id": refund.stripe_id,
        "failure_reason": refund.failure_reason,
        "taken_millicredits": refund.taken_millicredits,
        "returned_millicredits": refund.returned_millicredits,
        "transfer_id": refund.transfer_id,
        "return_transfer_id": refund.return_transfer_id,
    }


def _refund(row: Row[Any]) -> Refund:
    return Refund(
        id=RefundId(row.id),
        payment_id=PaymentId(row.payment_id),
        amount=Money(row.amount_minor, row.currency),
        status=RefundStatus(row.status),
        created_at=row.created_at,
        requested_by=row.requested_by,
        reason=row.reason,
        asked_key=row.asked_key,
        stripe_id=row.stripe_id,
        failure_reason=row.failure_reason,
        taken_millicredits=row.taken_millicredits,
        returned_millicredits=row.returned_millicredits,
        transfer_id=row.transfer_id,
        return_transfer_id=row.return_transfer_id,
    )
