"""News out: an event is a row written in the transaction of the change that it tells of.

One dispatcher for each schema (an advisory lock) numbers committed rows; readers page by that position. A row's
position is given only once it is committed, so no reader can pass one that commits late.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from shared import bus
from shared.clock import Clock
from shared.db import Database
from shared.doors import StrictRoute, answer, guarded
from shared.ids import new_uuid
from shared.loops import Loop
from shared.service_auth import service_required

PAGE = 500
KEPT_FOR = timedelta(days=35)
_DISPATCH_LOCK = 0x0B0C5


async def publish(
    connection: AsyncConnection, kind: str, subject: str, data: dict[str, object], *, at: datetime
) -> None:
    """Write one event (`"payment.succeeded"`, the subject's id, facts without personal data)."""
    await publish_all(connection, kind, [(subject, data)], at=at)


async def publish_all(
    connection: AsyncConnection, kind: str, news: Iterable[tuple[str, dict[str, object]]], *, at: datetime
) -> None:
    """The same of several subjects, each with its facts, in one round trip."""
    rows = [
        {"id": new_uuid(at=at), "kind": kind, "subject": subject, "data": orjson.dumps(data).decode(), "at": at}
        for subject, data in news
    ]
    if rows:
        await connection.execute(
            text(
                "INSERT INTO outbox (id, kind, subject, data, created_at)"
                " VALUES (:id, :kind, :subject, CAST(:data AS jsonb), :at)"
            ),
            rows,
        )


async def number_committed(database: Database) -> int:
    """Give up to `PAGE` committed events their positions, oldest first; how many. Another dispatcher at work: 0.

    Most often there is nothing to do: a glance on the raw pool costs a tenth of a transaction."""
    pool = await database.asyncpg_pool()
    if not await pool.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE position IS NULL)"):
        return 0
    async with database.transaction() as connection:
        mine = await connection.scalar(
            text("SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), :key)"),
            {"key": _DISPATCH_LOCK},
        )
        if not mine:
            return 0
        result = await connection.execute(
            text(
                """
                UPDATE outbox SET position = numbered.position
                FROM (SELECT written, nextval('outbox_position') AS position
                      FROM (SELECT written FROM outbox WHERE position IS NULL ORDER BY written LIMIT :page) AS waiting)
                      AS numbered
                WHERE outbox.written = numbered.written
                """
            ),
            {"page": PAGE},
        )
        return result.rowcount


@dataclass(frozen=True, slots=True)
class NewsPosition:
    """`head` is the last position that was given (0: none), `unnumbered` how many committed events have none yet."""

    head: int
    unnumbered: int


async def position(database: Database) -> NewsPosition:
    """How far the schema's news has come."""
    pool = await database.asyncpg_pool()
    row = await pool.fetchrow(
        "SELECT (SELECT coalesce(max(position), 0) FROM outbox) AS head,"
        " (SELECT count(*) FROM outbox WHERE position IS NULL) AS unnumbered"
    )
    return NewsPosition(row["head"], row["unnumbered"])


async def forget_old(database: Database, clock: Clock) -> bool:
    """Delete up to 1,000 events past `KEPT_FOR`; whether there may be more. A reader that was away for longer starts
    anew from the producer's tables."""
    async with database.transaction() as connection:
        gone = await connection.execute(
            text(
                "DELETE FROM outbox WHERE written IN (SELECT written FROM outbox"
                " WHERE position IS NOT NULL AND created_at < :oldest ORDER BY written LIMIT 1000)"
            ),
            {"oldest": clock.now() - KEPT_FOR},
        )
    return gone.rowcount == 1000


def dispatcher(
    service: str, database: Database, redis: Redis, *, every_seconds: float = 0.2, bell: asyncio.Event | None = None
) -> Loop:
    """The loop that numbers events and rings the bell `events:<service>`. Who sets `bell` after each publishing commit
    may have it look rarely."""

    async def run_once() -> bool:
        numbered = await number_committed(database)
        if numbered:
            await bus.ring(redis, f"events:{service}")
        return numbered == PAGE

    return Loop(f"{service}-dispatcher", every_seconds, run_once, bell)


async def page_after(connection: AsyncConnection, position: int, limit: int) -> list[dict[str, object]]:
    """The next events by position."""
    rows = await connection.execute(
        text(
            "SELECT position, id, kind, subject, data, created_at FROM outbox"
            " WHERE position > :position ORDER BY position LIMIT :limit"
        ),
        {"position": position, "limit": limit},
    )
    return [dict(row._mapping) for row in rows]


def feed_router(service_of: str) -> APIRouter:
    """`GET /internal/v1/events?after=&limit=`, for siblings. `service_of` names the producer in the docs."""
    router = APIRouter(route_class=StrictRoute, include_in_schema=False)

    @router.get("/internal/v1/events", summary=f"Events of {service_of}")
    @guarded(service_required)
    async def events(
        request: Request,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Response:
        database: Database = request.app.state.service.database
        async with database.transaction() as connection:
            return answer({"events": await page_after(connection, after, limit)})

    return router
