"""What a service says of its business time, at `/internal/v1/clock` (never in production)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict


@dataclass(frozen=True, slots=True)
class Due:
    """What of a service goes by the clock: `next_at`, the first instant after now at which something falls due by
    itself (None: nothing does), and `unsettled`, how much waits to be done now."""

    next_at: datetime | None
    unsettled: int


class ClockState(TypedDict):
    """`now` and `next_due` are RFC 3339: business time, and the first instant after it at which something falls due by
    itself (null: nothing does). `unsettled` counts what is to be done now and is not: due work, events that have no
    number yet, news and mail that wait. `head` is the position of the service's last event, `read` how far it has read
    each sibling's. `failed` are the loops whose work ended in an error."""

    now: str
    ahead_seconds: int
    next_due: str | None
    unsettled: int
    head: int
    read: dict[str, int]
    failed: list[str]


CLOCK_PATH = "/internal/v1/clock"
ADVANCE_PATH = f"{CLOCK_PATH}/advance"
WORK_PATH = f"{CLOCK_PATH}/work"
