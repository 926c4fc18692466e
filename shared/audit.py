"""A service's audit trail: who did what to which, append-only, without personal data (S5, S17).

Each schema that has one owns its table `audit`; whoever calls here has that schema's connection. Ids name their lines'
business time, so that the trails of several services merge by them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.ids import new_id

PREFIX = "aud"
_COLUMNS = "id, created_at, actor, action, subject, details, request_id"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `actor` is an account's id, `system` or `command line`."""

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


COMMAND_LINE = Actor("command line")
"""Whoever may run a service's commands; which person that is, the machine knows."""


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
    await write_all(connection, actor, action, [subject], details, at=at)


async def write_all(
    connection: AsyncConnection,
    actor: Actor,
    action: str,
    subjects: Iterable[str],
    details: Mapping[str, object] | None = None,
    *,
    at: datetime,
) -> None:
    """The same for each of several subjects."""
    told = orjson.dumps(details or {}).decode()
    lines = [
        {
            "id": new_id(PREFIX, at=at),
            "at": at,
            "actor": actor.account_id,
            "action": action,
            "subject": subject,
            "details": told,
            "request_id": actor.request_id,
        }
        for subject in subjects
    ]
    if lines:
        await connection.execute(
            text(
                f"INSERT INTO audit ({_COLUMNS})"  # noqa: S608
                " VALUES (:id, :at, :actor, :action, :subject, CAST(:details AS jsonb), :request_id)"
            ),
            lines,
        )


async def page(connection: AsyncConnection, *, after: str | None, limit: int) -> list[Entry]:
    """Up to `limit` lines, the newest first, beginning after (that is, before in time) `after`, which may be another
    service's."""
    rows = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM audit"  # noqa: S608
            " WHERE CAST(:after AS text) IS NULL OR id < :after ORDER BY id DESC LIMIT :limit"
        ),
        {"after": after, "limit": limit},
    )
    return [Entry(*row) for row in rows]


async def of_subjects(connection: AsyncConnection, subjects: Collection[str]) -> list[Entry]:
    """Every line about any of these, the oldest first. Served by `audit_of_subject`."""
    rows = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM audit WHERE subject = ANY(:subjects) ORDER BY id"),  # noqa: S608
        {"subjects": list(subjects)},
    )
    return [Entry(*row) for row in rows]


async def exists(connection: AsyncConnection, entry_id: str) -> bool:
    return await connection.scalar(text("SELECT true FROM audit WHERE id = :id"), {"id": entry_id}) is not None
