"""News in: page through a sibling's events; cursor and effect are saved in one transaction, so each event takes effect
once here however often it is read. A poison event stops its feed loudly rather than be skipped."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db import Database
from shared.http_client import ServiceClient
from shared.loops import Loop

_PAGE = 200


@dataclass(frozen=True)
class Event:
    """One event of a sibling; `data` is as the producer's README documents it."""

    position: int
    id: str
    kind: str
    subject: str
    data: dict[str, Any]
    created_at: str


Handler = Callable[[AsyncConnection, Event], Awaitable[None]]


@dataclass(frozen=True)
class FeedReader:
    """Reads `producer`'s events for `reader`, handing each to `handle` inside the cursor's transaction."""

    producer: str
    reader: str
    database: Database
    client: ServiceClient
    handle: Handler

    async def run_once(self) -> bool:
        """Apply one page; whether there may be more."""
        async with self.database.transaction() as connection:
            cursor = await self._locked_cursor(connection)
            answer = await self.client.get(f"/internal/v1/events?after={cursor}&limit={_PAGE}")
            events = [Event(**event) for event in answer.json()["events"]]
            for event in events:
                await self.handle(connection, event)
            if events:
                await self._move(connection, events[-1].position)
        return len(events) == _PAGE

    async def _locked_cursor(self, connection: AsyncConnection) -> int:
        """Our position, with its row locked: two readers of one feed take turns."""
        names = {"producer": self.producer, "reader": self.reader}
        await connection.execute(
            text(
                "INSERT INTO feed_cursors (producer, reader, position) VALUES (:producer, :reader, 0)"
                " ON CONFLICT DO NOTHING"
            ),
            names,
        )
        position = await connection.scalar(
            text("SELECT position FROM feed_cursors WHERE producer = :producer AND reader = :reader FOR UPDATE"),
            names,
        )
        assert isinstance(position, int)
        return position

    async def _move(self, connection: AsyncConnection, position: int) -> None:
        await connection.execute(
            text("UPDATE feed_cursors SET position = :position WHERE producer = :producer AND reader = :reader"),
            {"position": position, "producer": self.producer, "reader": self.reader},
        )

    def loop(self, bell: asyncio.Event, *, every_seconds: float = 1.0) -> Loop:
        """The reader as a loop; `bell` hears `events:<producer>`."""
        return Loop(f"{self.reader}-reads-{self.producer}", every_seconds, self.run_once, bell, by_clock=True)


async def positions_read(database: Database) -> dict[str, int]:
    """How far each sibling's events have been read, by all readers of it."""
    pool = await database.asyncpg_pool()
    rows = await pool.fetch("SELECT producer, min(position) AS position FROM feed_cursors GROUP BY producer")
    return {row["producer"]: row["position"] for row in rows}
