"""The live entries of `blacklist`, whole, without their values."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.blacklist import ID_PREFIX, Entry, EntryId, kind_of
from shared.ids import encode


async def live_page(connection: AsyncConnection, *, after: UUID | None, limit: int, at: datetime) -> list[Entry]:
    """Up to `limit` by id, beginning after `after`. By the primary key."""
    rows = await connection.execute(
        text(
            "SELECT id, kind, match, expires_at FROM blacklist"
            " WHERE (CAST(:after AS uuid) IS NULL OR id > :after) AND removed_at IS NULL"
            " AND (expires_at IS NULL OR expires_at > :at) ORDER BY id LIMIT :limit"
        ),
        {"after": after, "at": at, "limit": limit},
    )
    return [Entry(EntryId(encode(ID_PREFIX, row.id)), kind_of(row.kind), row.match, row.expires_at) for row in rows]
