"""The table `activations`. Whoever writes holds the lock of the license's row (`store.licenses.locked`); each change
tells the caches to forget the license.

While a license's plan needs no heartbeat, leases of earlier days are read as if there were none.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.activation import Activation, ActivationId, Ending
from services.licensing.domain.license import License
from shared import changes

LICENSE_CHANGED = "license"
"""The kind of change that is noted, with the license's id."""

_COLUMNS = (
    "id, license_id, server_id, activated_at, fingerprint, metadata, lease_until, last_heartbeat_at, deactivated_at,"
    " ending, follows"
)
_ACTIVE = (
    "license_id = :license_id AND deactivated_at IS NULL AND (NOT :leased OR lease_until IS NULL OR lease_until > :now)"
)


async def of_server(connection: AsyncConnection, license: License, server_id: str) -> Activation | None:
    """The server's newest activation of this license, whatever became of it. Served by `activations_of_server`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM activations WHERE license_id = :license_id AND server_id = :server_id"  # noqa: S608
            " ORDER BY seq DESC LIMIT 1"
        ),
        {"license_id": license.id, "server_id": server_id},
    )
    row = found.first()
    return None if row is None else _activation_of(row, license)


async def find(connection: AsyncConnection, license: License, activation_id: str) -> Activation | None:
    """One of this license's."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM activations WHERE id = :id AND license_id = :license_id"),  # noqa: S608
        {"id": activation_id, "license_id": license.id},
    )
    row = found.first()
    return None if row is None else _activation_of(row, license)


async def count_active(connection: AsyncConnection, license: License, *, now: datetime) -> int:
    """How many of the license's seats are taken. Served by `activations_one_of_server`."""
    found: int = await connection.scalar(
        text(f"SELECT count(*) FROM activations WHERE {_ACTIVE}"),  # noqa: S608
        {"license_id": license.id, "leased": license.lease_seconds is not None, "now": now},
    )
    return found


async def all_active(connection: AsyncConnection, license: License, *, now: datetime) -> list[Activation]:
    """Who holds the license's seats, in the order in which they took them."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM activations WHERE {_ACTIVE} ORDER BY seq"),  # noqa: S608
        {"license_id": license.id, "leased": license.lease_seconds is not None, "now": now},
    )
    return [_activation_of(row, license) for row in found]


async def open_of(connection: AsyncConnection, licenses: Mapping[str, License]) -> list[Activation]:
    """Those of these licenses, by id, that nobody has ended. Served by `activations_one_of_server`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM activations"  # noqa: S608
            " WHERE license_id = ANY(:ids) AND deactivated_at IS NULL ORDER BY seq"
        ),
        {"ids": list(licenses)},
    )
    return [_activation_of(row, licenses[row.license_id]) for row in found]


async def page(connection: AsyncConnection, license: License, *, after: str | None, limit: int) -> list[Activation]:
    """All there ever were, newest first, beginning below `after`. Served by `activations_of_license`."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM activations WHERE license_id = :license_id"  # noqa: S608
            " AND (CAST(:after AS text) IS NULL OR seq < (SELECT seq FROM activations WHERE id = :after))"
            " ORDER BY seq DESC LIMIT :limit"
        ),
        {"license_id": license.id, "after": after, "limit": limit},
    )
    return [_activation_of(row, license) for row in found]


async def save(connection: AsyncConnection, activation: Activation) -> None:
    """Write a new one, or what may change of one that is there."""
    await connection.execute(
        text(
            f"INSERT INTO activations ({_COLUMNS})"  # noqa: S608
            " VALUES (:id, :license_id, :server_id, :activated_at, :fingerprint, CAST(:metadata AS jsonb),"
            " :lease_until, :last_heartbeat_at, :deactivated_at, :ending, :follows)"
            " ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint, metadata = excluded.metadata,"
            " lease_until = excluded.lease_until, last_heartbeat_at = excluded.last_heartbeat_at,"
            " deactivated_at = excluded.deactivated_at, ending = excluded.ending"
        ),
        {
            "id": activation.id,
            "license_id": activation.license_id,
            "server_id": activation.server_id,
            "activated_at": activation.activated_at,
            "fingerprint": activation.fingerprint,
            "metadata": orjson.dumps(dict(activation.metadata)).decode(),
            "lease_until": activation.lease_until,
            "last_heartbeat_at": activation.last_heartbeat_at,
            "deactivated_at": activation.deactivated_at,
            "ending": None if activation.ending is None else activation.ending.value,
            "follows": activation.follows,
        },
    )
    await changes.note(connection, LICENSE_CHANGED, activation.license_id)


async def end_dead(connection: AsyncConnection, license: License, *, now: datetime) -> list[str]:
    """Write down of every activation whose lease is over that it has ended, so that open ones stay few; which."""
    if license.lease_seconds is None:
        return []
    ended = await connection.execute(
        text(
            "UPDATE activations SET deactivated_at = lease_until, ending = 'lease_over'"
            " WHERE license_id = :license_id AND deactivated_at IS NULL AND lease_until <= :now RETURNING id"
        ),
        {"license_id": license.id, "now": now},
    )
    return list(ended.scalars())


async def next_sequence(connection: AsyncConnection, license_id: str) -> int:
    """The number of the license's next file. Its row is locked."""
    found: int = await connection.scalar(
        text("UPDATE licenses SET sequence = sequence + 1 WHERE id = :id RETURNING sequence"), {"id": license_id}
    )
    return found


def _activation_of(row: Row[Any], license: License) -> Activation:
    metadata = row.metadata if isinstance(row.metadata, dict) else orjson.loads(row.metadata)
    read = Activation(
        id=ActivationId(row.id),
        license_id=row.license_id,
        server_id=row.server_id,
        activated_at=row.activated_at,
        fingerprint=row.fingerprint,
        metadata=metadata,
        lease_until=row.lease_until,
        last_heartbeat_at=row.last_heartbeat_at,
        deactivated_at=row.deactivated_at,
        ending=None if row.ending is None else Ending(row.ending),
        follows=row.follows,
    )
    return read if license.lease_seconds is not None else replace(read, lease_until=None)
