"""The garbage collector of a serving process: what was there at the start is never looked through again.

CPython's third generation holds every module, class and model of the process. A collection of it stops all calls for
tens of milliseconds, and by the interpreter's own thresholds it comes round every few thousand calls.
"""

import gc

YOUNG_OBJECTS = 10_000
"""How many more objects than were freed start a collection of the youngest. Calls leave few cycles behind."""
ROUNDS_TO_OLDER = 20
"""Collections of one generation to one of the next."""


def settle() -> None:
    """To be called when all has been imported and opened."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, ROUNDS_TO_OLDER, ROUNDS_TO_OLDER)
