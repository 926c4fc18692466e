"""Bans in PostgreSQL, where they outlive Redis. The key's row is locked while its ban is decided."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.domain.bans import Ban


async def lock_key(connection: AsyncConnection, key_id: str) -> tuple[str, datetime | None] | None:
    """The key's account and the end of its present ban, with the row locked; None where there is no such key."""
    row = (
        await connection.execute(
            text("SELECT account_id, banned_until FROM api_keys WHERE id = :id FOR UPDATE"), {"id": key_id}
        )
    ).first()
    return None if row is None else (row.account_id, row.banned_until)


async def count_recent(connection: AsyncConnection, key_id: str, *, now: datetime, memory: timedelta) -> int:
    """Bans of the key that began within `memory` and were not lifted."""
    found = await connection.scalar(
        text("SELECT count(*) FROM bans WHERE key_id = :id AND started_at > :since AND lifted_at IS NULL"),
        {"id": key_id, "since": now - memory},
    )
    return int(found or 0)


async def impose(connection: AsyncConnection, ban_id: str, ban: Ban) -> None:
    """Write the ban and its end on the key."""
    await connection.execute(
        text(
            "INSERT INTO bans (id, key_id, account_id, step, started_at, until_at)"
            " VALUES (:id, :key_id, :account_id, :step, :started_at, :until)"
        ),
        {
            "id": ban_id,
            "key_id": ban.key_id,
            "account_id": ban.account_id,
            "step": ban.step,
            "started_at": ban.started_at,
            "until": ban.until,
        },
    )
    await connection.execute(
        text("UPDATE api_keys SET banned_until = :until WHERE id = :id"), {"id": ban.key_id, "until": ban.until}
    )


async def lift(connection: AsyncConnection, key_id: str, *, by: str, now: datetime) -> None:
    """End the key's bans that still run. Lifting where there is none changes nothing."""
    await connection.execute(
        text(
            "UPDATE bans SET lifted_at = :now, lifted_by = :by"
            " WHERE key_id = :id AND until_at > :now AND lifted_at IS NULL"
        ),
        {"id": key_id, "by": by, "now": now},
    )
    await connection.execute(text("UPDATE api_keys SET banned_until = NULL WHERE id = :id"), {"id": key_id})
