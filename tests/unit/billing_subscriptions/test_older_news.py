"""News that licensing told before it said whose doing they were: they stay in its outbox for weeks."""

from typing import cast

from services.billing.events.licensing import handle
from services.billing.service import Billing
from shared.contracts.licenses import REVOKED
from shared.db import Connection
from shared.inbox import Event


async def test_revocation_that_does_not_say_by_whom_is_passed_over() -> None:
    facts = {"license_id": "lic_1", "account_id": "acct_1", "subscription_id": "sub_1", "status": "revoked"}
    news = Event(1, "event_1", REVOKED, "lic_1", {**facts, "expires_at": None}, "2026-11-22T04:00:00Z")
    await handle(cast(Billing, None), cast(Connection, None), news)
