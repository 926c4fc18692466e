"""Places at which a paid call's process can be told to die, so that tests show what the rules make of its death.

Only where the environment is `test` and `CRASH_AT` names a place; else reaching one costs a comparison. A process dies
there as by `kill -9`: nothing is flushed, nothing undone.
"""

import os
import sys

POINTS = (
    "after_take",
    "after_charge",
    "after_hold",
    "after_forward",
    "after_progress",
    "after_intent",
    "before_capture",
    "after_capture",
    "before_answered",
    "after_answered",
    "after_giving_up",
    "before_reversal",
    "after_reversal",
    "before_release",
    "after_release",
)
EXIT_CRASHED = 70

_armed: str | None = None


def arm(point: str) -> None:
    """Die at the first call that reaches `point`; an empty one disarms."""
    global _armed  # noqa: PLW0603 - one process, one death
    assert not point or point in POINTS, point
    _armed = point or None


def reach(point: str) -> None:
    """The call is at `point` now."""
    if _armed is not None and point == _armed:
        sys.stderr.write(f"crash at {point}\n")
        sys.stderr.flush()
        os._exit(EXIT_CRASHED)
