"""News from licensing: `license.revoked` by an operator (`shared.contracts.licenses`). Others are passed over."""

from datetime import datetime
from functools import partial
from typing import cast

from services.billing.service import Billing
from services.billing.use_cases.subscription_revoking import end_with_license
from shared.contracts.licenses import REVOKED, LicenseFacts
from shared.db import Connection
from shared.inbox import Event, FeedReader


def reader(billing: Billing) -> FeedReader:
    """Reads licensing's feed; several readers take turns."""
    return FeedReader("licensing", "billing", billing.database, billing.licensing.client, partial(handle, billing))


async def handle(billing: Billing, connection: Connection, event: Event) -> None:
    """One event, in the transaction that moves the cursor. Older ones say not by whom, and end nothing."""
    if event.kind != REVOKED:
        return
    facts = cast(LicenseFacts, event.data)
    if facts.get("by") == "operator" and facts["subscription_id"] is not None:
        at = datetime.fromisoformat(facts["at"])
        await end_with_license(billing, connection, facts["subscription_id"], facts["license_id"], at=at)
