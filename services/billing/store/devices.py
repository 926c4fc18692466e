"""The table `devices`: fraud's devices as its feed tells of them."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.domain.paying_device import PayingDevice


async def keep(
    connection: AsyncConnection, device_id: str, *, type_: str, capabilities: Sequence[str], account_id: str | None
) -> None:
    """A device that was registered; an owner that is known already stays."""
    await connection.execute(
        text(
            "INSERT INTO devices (id, type, capabilities, account_id) VALUES (:id, :type, :capabilities, :account_id)"
            " ON CONFLICT (id) DO NOTHING"
        ),
        {"id": device_id, "type": type_, "capabilities": list(capabilities), "account_id": account_id},
    )


async def give(connection: AsyncConnection, device_id: str, account_id: str) -> None:
    """It is this account's from now on."""
    await connection.execute(
        text("UPDATE devices SET account_id = :account_id WHERE id = :id"), {"id": device_id, "account_id": account_id}
    )


async def of_account(connection: AsyncConnection, account_id: str, device_id: str) -> PayingDevice | None:
    """The account's own device, as far as the feed has told."""
    found = await connection.execute(
        text("SELECT id, type, capabilities FROM devices WHERE id = :id AND account_id = :account_id"),
        {"id": device_id, "account_id": account_id},
    )
    row = found.first()
    return None if row is None else PayingDevice(row.id, row.type, tuple(row.capabilities))
