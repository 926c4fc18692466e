"""News from fraud: what operators decided of held payments, the blacklist, and devices. Others are passed over."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import cast

from services.billing.service import Billing
from services.billing.store import blacklist_copy, devices
from services.billing.store.review_decisions import Decision
from services.billing.use_cases.reviews import decide
from shared.contracts.devices import CLAIMED, REGISTERED, DeviceClaimed, DeviceRegistered
from shared.db import Connection
from shared.inbox import Event, FeedReader


def reader(billing: Billing) -> FeedReader:
    """Reads fraud's feed; several readers take turns."""
    return FeedReader("fraud", "billing", billing.database, billing.fraud.client, partial(handle, billing))


async def handle(billing: Billing, connection: Connection, event: Event) -> None:
    """One event, in the transaction that moves the cursor."""
    handler = _HANDLERS.get(event.kind)
    if handler is not None:
        await handler(billing, connection, event)


async def _decided(billing: Billing, connection: Connection, event: Event) -> None:
    facts = event.data
    decision = Decision(facts["payment_id"], facts["decision"], facts["by"])
    await decide(billing, connection, decision, at=datetime.fromisoformat(facts["at"]))


async def _listed(_billing: Billing, connection: Connection, event: Event) -> None:
    facts = event.data
    expires_at = None if facts["expires_at"] is None else datetime.fromisoformat(facts["expires_at"])
    await blacklist_copy.add(connection, event.subject, kind=facts["kind"], match=facts["match"], expires_at=expires_at)


async def _unlisted(_billing: Billing, connection: Connection, event: Event) -> None:
    await blacklist_copy.remove(connection, event.subject)


async def _registered(_billing: Billing, connection: Connection, event: Event) -> None:
    facts = cast(DeviceRegistered, event.data)
    await devices.keep(
        connection,
        facts["device_id"],
        type_=facts["type"],
        capabilities=facts["capabilities"],
        account_id=facts["account_id"],
    )


async def _claimed(_billing: Billing, connection: Connection, event: Event) -> None:
    facts = cast(DeviceClaimed, event.data)
    await devices.give(connection, facts["device_id"], facts["account_id"])


_HANDLERS: Mapping[str, Callable[[Billing, Connection, Event], Awaitable[None]]] = {
    "review.decided": _decided,
    "blacklist.entry_added": _listed,
    "blacklist.entry_removed": _unlisted,
    REGISTERED: _registered,
    CLAIMED: _claimed,
}
