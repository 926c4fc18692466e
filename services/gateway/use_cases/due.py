"""What of gateway goes by the test clock."""

from datetime import datetime

from services.gateway.service import Gateway
from services.gateway.store import due_times
from shared.contracts.clocks import Due


async def look_for_due(gateway: Gateway, _now: datetime) -> Due:
    """When something falls due next, and what waits now."""
    return Due(None, await due_times.unsettled(gateway.database) if gateway.settings.smtp_host else 0)
