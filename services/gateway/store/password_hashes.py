"""Password hashes: argon2id (RFC 9106), in a few threads, with a bounded queue before them.

A hash costs tens of milliseconds and megabytes on purpose; whoever would wait too long for a thread is refused at once.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.gateway.domain.password import Overloaded
from services.gateway.store.allocator import give_large_blocks_back

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")


class Worker:
    """The right to one thread; good while `Passwords.worker` is open."""

    def __init__(self, hasher: PasswordHasher, threads: ThreadPoolExecutor, nobody: str) -> None:
        self._hasher = hasher
        self._threads = threads
        self._nobody = nobody

    async def hash(self, password: str) -> str:
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password. Without a hash (nobody has that address) the same work is done, in vain."""
        try:
            same = await self._in_thread(self._hasher.verify, password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(same) and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with other costs than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    async def _in_thread(self, work: Callable[[*Arguments], Answer], *arguments: *Arguments) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


class Passwords:
    """`workers` hashes at a time, `queue` waiting."""

    def __init__(self, *, memory_kib: int, passes: int, workers: int, queue: int) -> None:
        give_large_blocks_back()
        hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._worker = Worker(hasher, self._threads, hasher.hash(os.urandom(16).hex()))
        self._free = asyncio.Semaphore(workers)
        self._most_waiting = queue
        self._waiting = 0

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """Wait for a thread; Overloaded where the queue is full."""
        if self._waiting >= self._most_waiting:
            raise Overloaded
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield self._worker
        finally:
            self._free.release()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
