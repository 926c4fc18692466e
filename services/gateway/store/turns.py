"""Turns of slow transactions in this process.

A transaction that waits for a row lock or for a sibling holds a connection meanwhile. Those of one account wait here
for each other, without one, and only so many are under way at once: neither an account nor a slow sibling fills the
pool.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from shared.errors import DomainError

LONGEST_WAIT_SECONDS = 4.0


class Turns:
    """One turn at a time for each name, and `most` in all."""

    def __init__(self, most: int) -> None:
        self._room = asyncio.Semaphore(most)
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait for the turn; 503 where it does not come in time."""
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            async with contextlib.AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                        await held.enter_async_context(lock)
                        await held.enter_async_context(self._room)
                except TimeoutError:
                    raise _busy() from None
                yield
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)


def _busy() -> DomainError:
    return DomainError(
        "service_unavailable", "Too many requests of this kind are waiting. Try again.", headers={"Retry-After": "1"}
    )
