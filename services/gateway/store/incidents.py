"""Security incidents: appended, listed newest first. Addresses are sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.crypto import seal, unseal


@dataclass(frozen=True, slots=True)
class Incident:
    """Kinds: `key_banned`, `ban_lifted`, `bad_keys`."""

    id: str
    kind: str
    created_at: datetime
    account_id: str | None = None
    key_id: str | None = None
    address: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


async def record(connection: AsyncConnection, keys: Mapping[int, bytes], incident: Incident) -> None:
    address = incident.address
    await connection.execute(
        text(
            "INSERT INTO incidents (id, kind, account_id, key_id, address_sealed, details, created_at)"
            " VALUES (:id, :kind, :account_id, :key_id, :address, CAST(:details AS jsonb), :at)"
        ),
        {
            "id": incident.id,
            "kind": incident.kind,
            "account_id": incident.account_id,
            "key_id": incident.key_id,
            "address": None if address is None else seal(address.encode(), keys, _context(incident.id)),
            "details": orjson.dumps(dict(incident.details)).decode(),
            "at": incident.created_at,
        },
    )


async def page(
    connection: AsyncConnection, keys: Mapping[int, bytes], *, kind: str | None, after: str | None, limit: int
) -> list[Incident]:
    """Newest first, past `after`; one more than `limit`, to tell whether there are more."""
    rows = await connection.execute(
        text(
            """
            SELECT id, kind, account_id, key_id, address_sealed, details, created_at FROM incidents
            WHERE (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:after AS text) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :limit
            """
        ),
        {"kind": kind, "after": after, "limit": limit + 1},
    )
    return [
        Incident(
            row.id,
            row.kind,
            row.created_at,
            row.account_id,
            row.key_id,
            None if row.address_sealed is None else unseal(row.address_sealed, keys, _context(row.id)).decode(),
            row.details,
        )
        for row in rows
    ]


async def exists(connection: AsyncConnection, incident_id: str) -> bool:
    found = await connection.scalar(text("SELECT EXISTS (SELECT 1 FROM incidents WHERE id = :id)"), {"id": incident_id})
    return bool(found)


def _context(incident_id: str) -> str:
    return f"gateway.incidents.address:{incident_id}"
