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
_OURS = "FROM feed_cursors WHERE producer = :producer AND reader = :reader"


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
        """Apply one page; whether there may be more. No transaction waits for the sibling: one that is open would keep
        this schema's own news, and a ledger's seals, from being numbered."""
        cursor = await self._position()
        answer = await self.client.get(f"/internal/v1/events?after={cursor}&limit={_PAGE}")
        events = [Event(**event) for event in answer.json()["events"]]
        if not events:
            return False
        async with self.database.transaction() as connection:
            if await self._locked_position(connection) != cursor:
                return True  # another reader of the feed was here first
            for event in events:
                await self.handle(connection, event)
            await self._move(connection, events[-1].position)
        return len(events) == _PAGE

    async def _position(self) -> int:
        async with self.database.transaction() as connection:
            position = await connection.scalar(text(f"SELECT position {_OURS}"), self._names)
        return await self._begin() if position is None else int(position)

    async def _begin(self) -> int:
        async with self.database.transaction() as connection:
            await connection.execute(
                text(
                    "INSERT INTO feed_cursors (producer, reader, position) VALUES (:producer, :reader, 0)"
                    " ON CONFLICT DO NOTHING"
                ),
                self._names,
            )
        return 0

    async def _locked_position(self, connection: AsyncConnection) -> int:
        """Two readers of one feed take turns."""
        return int(await connection.scalar(text(f"SELECT position {_OURS} FOR UPDATE"), self._names))

    async def _move(self, connection: AsyncConnection, position: int) -> None:
        await connection.execute(
            text("UPDATE feed_cursors SET position = :position WHERE producer = :producer AND reader = :reader"),
            {"position": position, **self._names},
        )

    @property
    def _names(self) -> dict[str, str]:
        return {"producer": self.producer, "reader": self.reader}

    def loop(self, bell: asyncio.Event, *, every_seconds: float = 1.0) -> Loop:
        """The reader as a loop; `bell` hears `events:<producer>`."""
        return Loop(f"{self.reader}-reads-{self.producer}", every_seconds, self.run_once, bell, by_clock=True)


async def positions_read(database: Database) -> dict[str, int]:
    """How far each sibling's events have been read, by all readers of it."""
    pool = await database.asyncpg_pool()
    rows = await pool.fetch("SELECT producer, min(position) AS position FROM feed_cursors GROUP BY producer")
    return {row["producer"]: row["position"] for row in rows}
