"""The table `rule_backtests`: append-only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "id, rule_id, number, report, created_at, created_by"


@dataclass(frozen=True, slots=True)
class KeptBacktest:
    """What a version would have done, as it was found once. `report` is `backtest.report_of`'s."""

    id: str
    rule_id: str
    number: int
    report: dict[str, Any]
    created_at: datetime
    created_by: str


async def insert(connection: AsyncConnection, kept: KeptBacktest) -> None:
    await connection.execute(
        text(
            f"INSERT INTO rule_backtests ({_COLUMNS})"  # noqa: S608
            " VALUES (:id, :rule_id, :number, CAST(:report AS jsonb), :at, :by)"
        ),
        {
            "id": kept.id,
            "rule_id": kept.rule_id,
            "number": kept.number,
            "report": orjson.dumps(kept.report).decode(),
            "at": kept.created_at,
            "by": kept.created_by,
        },
    )


async def page(connection: AsyncConnection, rule_id: str, *, after: str | None, limit: int) -> list[KeptBacktest]:
    """A rule's, the newest first."""
    rows = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM rule_backtests"  # noqa: S608
            " WHERE rule_id = :rule_id AND (CAST(:after AS text) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit"
        ),
        {"rule_id": rule_id, "after": after, "limit": limit},
    )
    return [KeptBacktest(*row) for row in rows]


async def latest(connection: AsyncConnection, rule_id: str) -> dict[int, KeptBacktest]:
    """The newest of each version of a rule, by `rule_backtests_of_version`."""
    rows = await connection.execute(
        text(
            f"SELECT DISTINCT ON (number) {_COLUMNS} FROM rule_backtests"  # noqa: S608
            " WHERE rule_id = :rule_id ORDER BY number, id DESC"
        ),
        {"rule_id": rule_id},
    )
    return {row.number: KeptBacktest(*row) for row in rows}
