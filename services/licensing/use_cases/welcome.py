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
    values = {"plan": plan_name, "license_id": license.id, "servers": "1 server" if count == 1 else f"{count} servers"}
    await mails.enqueue(connection, f"{license.id}:welcome", license.account_id, "license_welcome", values, at=at)


async def add_key(licensing: Licensing, mail: Mail) -> Mapping[str, str]:
    """The key, for a welcome; nothing for other mails. It is the license's own at the moment of sending."""
    if mail.template != "license_welcome":
        return {}
    async with licensing.database.transaction() as connection:
        license = await licenses.find(connection, mail.values["license_id"])
        assert license is not None
        return {"license_key": (await made_again(licensing, connection, license)).printed()}
