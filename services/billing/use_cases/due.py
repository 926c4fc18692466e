"""What of billing goes by the test clock."""

from datetime import datetime

from services.billing.service import Billing
from services.billing.store import due_times
from shared.contracts.clocks import Due


async def look_for_due(billing: Billing, now: datetime) -> Due:
    """When something falls due next, and what waits now."""
    return Due(
        await due_times.next_due(billing.database, now=now, rules=billing.settings.subscription_rules),
        await due_times.unsettled(billing.database),
    )
