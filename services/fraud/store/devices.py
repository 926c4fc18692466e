"""The table `devices`. Whose a device is, is set once: every statement that sets it says `account_id IS NULL`. What a
judgement sees of a device is read by `backgrounds`, and its use counted by `assessments`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.device import Device, Hold
from services.fraud.domain.device_statistics import Group
from shared.contracts.devices import PREFIX
from shared.crypto import seal, unseal
from shared.ids import decode, encode

Keys = Mapping[int, bytes]
PURGE_PAGE = 1_000

_COLUMNS = "id, type, capabilities, sealed_name, account_id, held_by, held_until, payments, last_used_at, created_at"


async def insert(connection: AsyncConnection, device: Device, *, fingerprint: str, keys: Keys) -> None:
    """Put a new device on record; `fingerprint` is the digest."""
    bits = decode(PREFIX, device.id)
    await connection.execute(
        text(
            """
            INSERT INTO devices (id, type, capabilities, fingerprint, sealed_name, account_id, claimed_at, created_at)
            VALUES (:id, :type, :capabilities, :fingerprint, :sealed_name, :account_id, :claimed_at, :created_at)
            """
        ),
        {
            "id": bits,
            "type": device.type,
            "capabilities": list(device.capabilities),
            "fingerprint": fingerprint,
            "sealed_name": None if device.name is None else seal(device.name.encode(), keys, _context(bits)),
            "account_id": device.account_id,
            "claimed_at": None if device.account_id is None else device.created_at,
            "created_at": device.created_at,
        },
    )


async def locked(connection: AsyncConnection, device_id: str, *, keys: Keys) -> Device | None:
    """The device, its row locked until the transaction ends: claims of one take turns."""
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM devices WHERE id = :id FOR UPDATE"),  # noqa: S608
        {"id": decode(PREFIX, device_id)},
    )
    row = found.first()
    return None if row is None else _device(row, keys)


async def page(
    connection: AsyncConnection, account_id: str, *, after: str | None, limit: int, keys: Keys
) -> list[Device]:
    """Up to `limit` devices of an account, the newest first, by the index `devices_of_account`."""
    rows = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM devices"  # noqa: S608
            " WHERE account_id = :account_id AND (CAST(:after AS uuid) IS NULL OR id < :after)"
            " ORDER BY id DESC LIMIT :limit"
        ),
        {"account_id": account_id, "after": None if after is None else decode(PREFIX, after), "limit": limit},
    )
    return [_device(row, keys) for row in rows]


async def is_of(connection: AsyncConnection, device_id: str, *, account_id: str) -> bool:
    """Whether the device is this account's."""
    found = await connection.scalar(
        text("SELECT true FROM devices WHERE id = :id AND account_id = :account_id"),
        {"id": decode(PREFIX, device_id), "account_id": account_id},
    )
    return found is not None


async def give(connection: AsyncConnection, device_id: str, *, account_id: str, at: datetime) -> None:
    """Make an unclaimed device, whose row is locked, the account's, which ends any hold."""
    given = await connection.execute(
        text(
            "UPDATE devices SET account_id = :account_id, claimed_at = :at, held_by = NULL, held_until = NULL"
            " WHERE id = :id AND account_id IS NULL"
        ),
        {"id": decode(PREFIX, device_id), "account_id": account_id, "at": at},
    )
    assert given.rowcount == 1, "whoever has the lock saw that it was nobody's"


async def hold(connection: AsyncConnection, device_id: str, held: Hold) -> None:
    """Hold an unclaimed device."""
    await connection.execute(
        text("UPDATE devices SET held_by = :by, held_until = :until WHERE id = :id AND account_id IS NULL"),
        {"id": decode(PREFIX, device_id), "by": held.account_id, "until": held.until},
    )


async def release(connection: AsyncConnection, device_id: str, *, account_id: str) -> None:
    """End this account's hold, if it has one."""
    await connection.execute(
        text("UPDATE devices SET held_by = NULL, held_until = NULL WHERE id = :id AND held_by = :account_id"),
        {"id": decode(PREFIX, device_id), "account_id": account_id},
    )


async def groups(connection: AsyncConnection, *, day_ago: datetime, month_ago: datetime) -> list[Group]:
    """All devices counted by type, and by each of their capabilities. Reads the whole table twice: for operators and
    figures."""
    rows = await connection.execute(
        text(
            f"""
            SELECT 'type' AS kind, type AS name, {_COUNTS} FROM devices GROUP BY type
            UNION ALL
            SELECT 'capability', capability, {_COUNTS} FROM devices, unnest(capabilities) AS capability
            GROUP BY capability
            """  # noqa: S608
        ),
        {"day_ago": day_ago, "month_ago": month_ago},
    )
    return [Group(*row) for row in rows]


_COUNTS = """
    count(*), count(account_id), count(last_used_at), CAST(sum(payments) AS bigint),
    count(*) FILTER (WHERE created_at > :day_ago), count(*) FILTER (WHERE last_used_at > :month_ago)
"""


async def forget_unclaimed(connection: AsyncConnection, *, registered_before: datetime) -> int:
    """Delete up to PURGE_PAGE devices that nobody claimed in time; how many. By the index `devices_unclaimed`."""
    gone = await connection.execute(
        text(
            f"""
            DELETE FROM devices WHERE account_id IS NULL AND id IN
                (SELECT id FROM devices WHERE account_id IS NULL AND created_at < :before
                 LIMIT {PURGE_PAGE} FOR UPDATE SKIP LOCKED)
            """  # noqa: S608
        ),
        {"before": registered_before},
    )
    return gone.rowcount


def _device(row: Row[Any], keys: Keys) -> Device:
    return Device(
        id=encode(PREFIX, row.id),
        type=row.type,
        capabilities=tuple(row.capabilities),
        name=None if row.sealed_name is None else unseal(row.sealed_name, keys, _context(row.id)).decode(),
        account_id=row.account_id,
        created_at=row.created_at,
        payments=row.payments,
        last_used_at=row.last_used_at,
        hold=None if row.held_by is None else Hold(row.held_by, row.held_until),
    )


def _context(device: UUID | None) -> str:
    return f"fraud.devices.name:{device}"
