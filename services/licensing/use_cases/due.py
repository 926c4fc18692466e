"""What of licensing goes by the test clock."""

from datetime import datetime

from services.licensing.service import Licensing
from services.licensing.store import due_times
from shared.contracts.clocks import Due


async def look_for_due(licensing: Licensing, _now: datetime) -> Due:
    """When something falls due next, and what waits now."""
    return Due(None, await due_times.unsettled(licensing.database))
