"""The tables `cases` and `case_steps`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.assessment import Reason
from services.fraud.domain.case import ID_PREFIX, Case, CaseId, Kind, Status, Step
from shared.ids import decode, encode

_COLUMNS = (
    "id, payment_id, account_id, kind, status, score, reasons, signals, assignee, created_at, due_at, decided_at,"
    " decided_by"
)
OVERDUE_PAGE = 500


async def insert(connection: AsyncConnection, case: Case) -> bool:
    """Write an open case; False where the payment has one (waits for a twin that is being written)."""
    result = await connection.execute(
        text(
            """
            INSERT INTO cases (id, payment_id, account_id, kind, status, score, reasons, signals, created_at, due_at)
            VALUES (:id, :payment_id, :account_id, :kind, 'open', :score, CAST(:reasons AS jsonb),
                    CAST(:signals AS jsonb), :created_at, :due_at)
            ON CONFLICT (payment_id) DO NOTHING
            """
        ),
        {
            "id": decode(ID_PREFIX, case.id),
            "payment_id": case.payment_id,
            "account_id": case.account_id,
            "kind": case.kind,
            "score": Decimal(case.score_hundredths) / 100,
            "reasons": _json([{"code": reason.code, "detail": reason.detail} for reason in case.reasons]),
            "signals": _json(dict(case.signals)),
            "created_at": case.created_at,
            "due_at": case.due_at,
        },
    )
    return result.rowcount == 1


async def find(connection: AsyncConnection, case_id: str) -> Case | None:
    """A case by its id."""
    return await _one(connection, "id = :value", decode(ID_PREFIX, case_id))


async def find_by_payment(connection: AsyncConnection, payment_id: str) -> Case | None:
    """The case of a payment."""
    return await _one(connection, "payment_id = :value", payment_id)


async def lock(connection: AsyncConnection, case_id: str) -> Case | None:
    """A case with its row locked: deciders take turns."""
    return await _one(connection, "id = :value FOR UPDATE", decode(ID_PREFIX, case_id))


async def lock_by_payment(connection: AsyncConnection, payment_id: str) -> Case | None:
    """The case of a payment, with its row locked."""
    return await _one(connection, "payment_id = :value FOR UPDATE", payment_id)


async def _one(connection: AsyncConnection, where: str, value: UUID | str | None) -> Case | None:
    row = (
        await connection.execute(text(f"SELECT {_COLUMNS} FROM cases WHERE {where}"), {"value": value})  # noqa: S608
    ).first()
    return None if row is None else _case(row)


async def save(connection: AsyncConnection, case: Case) -> None:
    """Write what may change of a case that was open and whose row the caller has locked."""
    result = await connection.execute(
        text(
            "UPDATE cases SET status = :status, assignee = :assignee, decided_at = :decided_at,"
            " decided_by = :decided_by WHERE id = :id AND status = 'open'"
        ),
        {
            "id": decode(ID_PREFIX, case.id),
            "status": case.status,
            "assignee": case.assignee,
            "decided_at": case.decided_at,
            "decided_by": case.decided_by,
        },
    )
    assert result.rowcount == 1, "the row was locked while it was open"


async def add_step(connection: AsyncConnection, case_id: CaseId, step: Step) -> None:
    """Write what befell a case."""
    await connection.execute(
        text(
            "INSERT INTO case_steps (case_id, kind, by, at, details)"
            " VALUES (:case_id, :kind, :by, :at, CAST(:details AS jsonb))"
        ),
        {
            "case_id": decode(ID_PREFIX, case_id),
            "kind": step.kind,
            "by": step.by,
            "at": step.at,
            "details": _json(dict(step.details)),
        },
    )


async def steps(connection: AsyncConnection, case_id: str) -> list[Step]:
    """All that befell a case, the oldest first."""
    rows = await connection.execute(
        text("SELECT kind, by, at, details FROM case_steps WHERE case_id = :id ORDER BY position"),
        {"id": decode(ID_PREFIX, case_id)},
    )
    return [Step(*row) for row in rows]


async def page(
    connection: AsyncConnection,
    *,
    status: Status | None = None,
    kind: Kind | None = None,
    account_id: str | None = None,
    assignee: str | None = None,
    unassigned: bool = False,
    due_by: datetime | None = None,
    after: str | None,
    limit: int,
) -> Sequence[Case]:
    """Cases, newest first; of each filter that is given, only those that it names. `due_by`: open ones whose deadline
    is not after it."""
    rows = await connection.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM cases
            WHERE (CAST(:status AS text) IS NULL OR status = :status)
              AND (CAST(:kind AS text) IS NULL OR kind = :kind)
              AND (CAST(:account_id AS text) IS NULL OR account_id = :account_id)
              AND (CAST(:assignee AS text) IS NULL OR assignee = :assignee)
              AND (NOT :unassigned OR assignee IS NULL)
              AND (CAST(:due_by AS timestamptz) IS NULL OR (status = 'open' AND due_at <= :due_by))
              AND (CAST(:after AS uuid) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :limit
            """  # noqa: S608
        ),
        {
            "status": status,
            "kind": kind,
            "account_id": account_id,
            "assignee": assignee,
            "unassigned": unassigned,
            "due_by": due_by,
            "after": decode(ID_PREFIX, after) if after else None,
            "limit": limit,
        },
    )
    return [_case(row) for row in rows]


async def mark_overdue(connection: AsyncConnection, *, at: datetime) -> list[CaseId]:
    """Mark up to `OVERDUE_PAGE` open cases whose deadline has passed, each with its step; which. A case that somebody
    is deciding is left for the next time; of two at once each marks others."""
    rows = await connection.execute(
        text(
            """
            WITH late AS (
                UPDATE cases SET overdue_at = due_at WHERE id IN (
                    SELECT id FROM cases WHERE status = 'open' AND overdue_at IS NULL AND due_at <= :at
                    ORDER BY due_at LIMIT :page FOR UPDATE SKIP LOCKED)
                RETURNING id, due_at)
            INSERT INTO case_steps (case_id, kind, by, at, details)
            SELECT id, 'overdue', 'system', due_at, '{}' FROM late ORDER BY due_at, id
            RETURNING case_id
            """
        ),
        {"at": at, "page": OVERDUE_PAGE},
    )
    return [CaseId(encode(ID_PREFIX, row.case_id)) for row in rows]


def _case(row: Row[tuple[object, ...]]) -> Case:
    return Case(
        id=CaseId(encode(ID_PREFIX, row.id)),
        payment_id=row.payment_id,
        account_id=row.account_id,
        kind=row.kind,
        status=row.status,
        score_hundredths=int(row.score * 100),
        reasons=tuple(Reason(reason["code"], reason["detail"]) for reason in row.reasons),
        signals=row.signals,
        assignee=row.assignee,
        created_at=row.created_at,
        due_at=row.due_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
