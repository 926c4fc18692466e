"""The gateway's audit trail: who did what to which, append-only, without personal data (S5, S17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `actor` is an account's id, or `system`."""

    id: str
    created_at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which request."""

    account_id: str
    request_id: str | None = None


async def write(
    connection: AsyncConnection,
    actor: Actor,
    action: str,
    subject: str,
    details: Mapping[str, object] | None = None,
    *,
    at: datetime,
) -> None:
    """Add one line in the transaction of what it tells of."""
    await connection.execute(
        text(
            "INSERT INTO audit (id, created_at, actor, action, subject, details, request_id)"
            " VALUES (:id, :at, :actor, :action, :subject, CAST(:details AS jsonb), :request_id)"
        ),
        {
            "id": new_id("aud", at=at),
            "at": at,
            "actor": actor.account_id,
            "action": action,
            "subject": subject,
            "details": orjson.dumps(details or {}).decode(),
            "request_id": actor.request_id,
        },
    )


async def page(connection: AsyncConnection, *, after: str | None, limit: int) -> list[Entry]:
    """Up to `limit` lines, the newest first, beginning after (that is, before in time) `after`."""
    rows = await connection.execute(
        text(
            "SELECT id, created_at, actor, action, subject, details, request_id FROM audit"
            " WHERE CAST(:after AS text) IS NULL OR id < :after ORDER BY id DESC LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [Entry(*row) for row in rows]


async def exists(connection: AsyncConnection, entry_id: str) -> bool:
    return await connection.scalar(text("SELECT true FROM audit WHERE id = :id"), {"id": entry_id}) is not None
