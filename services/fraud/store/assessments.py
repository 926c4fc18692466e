"""The table `fraud_assessments`: append-only, one row for each payment."""

from collections.abc import Mapping

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.assessment import ID_PREFIX, Assessment, Reason
from shared.crypto import seal
from shared.ids import decode, encode


async def find(connection: AsyncConnection, payment_id: str) -> Assessment | None:
    """The assessment of a payment, by its unique index."""
    row = (
        await connection.execute(
            text(
                "SELECT id, payment_id, account_id, decision, score, reasons, created_at"
                " FROM fraud_assessments WHERE payment_id = :payment_id"
            ),
            {"payment_id": payment_id},
        )
    ).first()
    if row is None:
        return None
    reasons = tuple(Reason(reason["code"], reason["detail"]) for reason in row.reasons)
    return Assessment(
        id=encode(ID_PREFIX, row.id),
        payment_id=row.payment_id,
        account_id=row.account_id,
        decision=row.decision,
        score=row.score,
        reasons=reasons,
        created_at=row.created_at,
    )


async def insert(
    connection: AsyncConnection,
    made: Assessment,
    *,
    versions: Mapping[str, object],
    snapshot: Mapping[str, object],
    ip: str | None,
    keys: Mapping[int, bytes],
) -> bool:
    """Write an assessment; False where the payment has one already (waits for a twin that is being written)."""
    bits = decode(ID_PREFIX, made.id)
    result = await connection.execute(
        text(
            """
            INSERT INTO fraud_assessments (id, payment_id, account_id, decision, score, reasons, versions, snapshot,
                                           sealed_ip, created_at)
            VALUES (:id, :payment_id, :account_id, :decision, :score, CAST(:reasons AS jsonb),
                    CAST(:versions AS jsonb), CAST(:snapshot AS jsonb), :sealed_ip, :created_at)
            ON CONFLICT (payment_id) DO NOTHING
            """
        ),
        {
            "id": bits,
            "payment_id": made.payment_id,
            "account_id": made.account_id,
            "decision": made.decision,
            "score": made.score,
            "reasons": _json([{"code": reason.code, "detail": reason.detail} for reason in made.reasons]),
            "versions": _json(versions),
            "snapshot": _json(snapshot),
            "sealed_ip": None if ip is None else seal(ip.encode(), keys, f"fraud.assessment.ip:{bits}"),
            "created_at": made.created_at,
        },
    )
    return result.rowcount == 1


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
