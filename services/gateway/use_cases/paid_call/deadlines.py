"""Exchanges with upstreams that must end in time, looked over together twenty times a second.

A timer for each call costs several times what its place here does; an exchange ends up to 50 ms late instead.
"""

import asyncio
from typing import Protocol

_SWEEP_SECONDS = 0.05


class Timed(Protocol):
    """`deadline` is the loop's time, and may change."""

    deadline: float

    def expire(self) -> None: ...


class Deadlines:
    """One a process. Nothing runs while nothing is watched."""

    def __init__(self) -> None:
        self._watched: dict[Timed, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The one it runs on. Asking asyncio for it is a system call each time."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def watch(self, timed: Timed) -> None:
        """Expire it, once, when its deadline has passed, unless it is forgotten before."""
        self._watched[timed] = None
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)

    def forget(self, timed: Timed) -> None:
        self._watched.pop(timed, None)

    def _sweep(self) -> None:
        now = self.loop.time()
        for timed in [one for one in self._watched if one.deadline <= now]:
            del self._watched[timed]
            timed.expire()
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep) if self._watched else None
