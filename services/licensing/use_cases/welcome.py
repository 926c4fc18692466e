"""The mail that brings a license's key: asked for once, and given the key only as it is handed over."""

from collections.abc import Mapping
from datetime import datetime

from services.licensing.domain.license import License
from services.licensing.service import Licensing
from services.licensing.store import licenses
from services.licensing.use_cases.license_keys import made_again
from shared import mails
from shared.db import Connection
from shared.mails import Mail


async def welcomed(connection: Connection, license: License, *, plan_name: str, at: datetime) -> None:
    """Ask for the mail in the transaction that makes the license good."""
    count = license.max_activations
    values = {
        "plan": plan_name,
        "license_id": license.id,
        "servers": _counted(count, "server"),
        "heartbeat": heartbeat_of(license),
    }
    await mails.enqueue(connection, f"{license.id}:welcome", license.account_id, "license_welcome", values, at=at)


async def add_key(licensing: Licensing, mail: Mail) -> Mapping[str, str]:
    """The key, for a welcome; nothing for other mails. It is the license's own at the moment of sending."""
    if mail.template != "license_welcome":
        return {}
    async with licensing.database.transaction() as connection:
        license = await licenses.find(connection, mail.values["license_id"])
        assert license is not None
        key = (await made_again(licensing, connection, license)).printed()
    # A mail that waits since an earlier version says nothing of heartbeats.
    return {"license_key": key, "heartbeat": mail.values.get("heartbeat", heartbeat_of(license))}


def heartbeat_of(license: License) -> str:
    """How long a lease lasts without a heartbeat, in words; "" where none is needed."""
    seconds = license.lease_seconds
    if seconds is None:
        return ""
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % length == 0:
            return _counted(seconds // length, unit)
    return _counted(seconds, "second")


def _counted(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{count} {thing}s"
