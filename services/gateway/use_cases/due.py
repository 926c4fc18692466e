"""What of gateway goes by the test clock."""

from datetime import datetime

from services.gateway.service import Gateway
from services.gateway.store import due_times
from services.gateway.use_cases.tiers import next_to_verify
from shared.contracts.clocks import Due


async def look_for_due(gateway: Gateway, now: datetime) -> Due:
    """When something falls due next, and what waits now."""
    next_at = await next_to_verify(gateway, now)
    return Due(next_at, await due_times.unsettled(gateway.database) if gateway.settings.smtp_host else 0)
