"""What open metered calls have cost so far, told to billing every second, so that a gateway's death charges that much
at their holds' expiry.

One task a process walks the open tabs; only those that progressed are told of, a few at a time. Nothing waits for it.
"""

import asyncio
from typing import Protocol

EVERY_SECONDS = 1.0
_AT_ONCE = 128


class Progresses(Protocol):
    """A call whose answer is on its way. It has an identity, and no equal."""

    def has_progressed(self) -> bool: ...

    async def tell_progress(self) -> None: ...


class Progress:
    """One a process; `run` tells until it is cancelled."""

    def __init__(self) -> None:
        self._open: set[Progresses] = set()

    def watch(self, tab: Progresses) -> None:
        self._open.add(tab)

    def forget(self, tab: Progresses) -> None:
        """Nothing is told of it any more. Harmless where it was never watched."""
        self._open.discard(tab)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.tell_all()

    async def tell_all(self) -> None:
        """Once through the open tabs."""
        moved = [tab for tab in self._open if tab.has_progressed()]
        for start in range(0, len(moved), _AT_ONCE):
            page = [tab for tab in moved[start : start + _AT_ONCE] if tab.has_progressed()]
            await asyncio.gather(*(tab.tell_progress() for tab in page))
