"""What of fraud goes by the test clock."""

from datetime import datetime

from services.fraud.service import Fraud
from services.fraud.store import due_times
from shared.contracts.clocks import Due


async def look_for_due(fraud: Fraud, now: datetime) -> Due:
    """When something falls due next, and what waits now."""
    return Due(await due_times.next_due(fraud.database, now=now), 0)
