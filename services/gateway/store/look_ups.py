"""Look-ups at PostgreSQL, many in one query: what waits while a query is under way makes the next.

So a flood of unknown keys is one small query at a time, and slows nobody else's. Bounded: past that a look-up is
refused, 503 `overloaded`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from shared.errors import DomainError

V = TypeVar("V")

Load = Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, V]]]
"""Those of the digests that exist, by digest. Raises what PostgreSQL raises."""

_MOST_IN_A_QUERY = 128
_MOST_WAITING = 5_000


class LookUps(Generic[V]):
    """One a process and kind. `load` begins after the question was asked, always."""

    def __init__(self, load: Load[V]) -> None:
        self._load = load
        self._waiting: dict[bytes, asyncio.Future[V | None]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def find(self, digest: bytes) -> V | None:
        """What PostgreSQL has under a digest now. Raises what `load` raises, and `overloaded`."""
        answer = self._waiting.get(digest)
        if answer is None:
            if len(self._waiting) >= _MOST_WAITING:
                raise DomainError("overloaded", "Too many calls wait already; try again.", headers={"Retry-After": "1"})
            answer = self._waiting[digest] = asyncio.get_running_loop().create_future()
            if self._worker is None:
                self._worker = asyncio.create_task(self._work_off(), name="look-ups")
        return await asyncio.shield(answer)

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                digests = list(self._waiting)[:_MOST_IN_A_QUERY]
                await self._answer({digest: self._waiting.pop(digest) for digest in digests})
        finally:
            self._worker = None

    async def _answer(self, batch: Mapping[bytes, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._load(list(batch))
        except BaseException as error:
            for answer in batch.values():
                if not answer.done():
                    answer.set_exception(_as_failure(error))
                    answer.exception()  # nobody may be left to hear it
            if not isinstance(error, Exception):
                raise
            return
        for digest, answer in batch.items():
            if not answer.done():
                answer.set_result(found.get(digest))


def _as_failure(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else ConnectionError("the look-up was broken off")
