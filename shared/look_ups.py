"""Look-ups at PostgreSQL, many in one query: what waits while a query is under way makes the next.

So a flood of unknown keys is one small query at a time, and slows nobody else's. Bounded: past that a look-up is
refused, 503 `overloaded`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import chain
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
        self._waiting: dict[bytes, list[asyncio.Future[V | None]]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def find(self, digest: bytes) -> V | None:
        """What PostgreSQL has under a digest now. Raises what `load` raises, and `overloaded`."""
        askers = self._waiting.get(digest)
        if askers is None:
            if len(self._waiting) >= _MOST_WAITING:
                raise DomainError("overloaded", "Too many calls wait already; try again.", headers={"Retry-After": "1"})
            askers = self._waiting[digest] = []
            if self._worker is None:
                self._worker = asyncio.create_task(self._work_off(), name="look-ups")
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        askers.append(answer)
        return await answer

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                digests = list(self._waiting)[:_MOST_IN_A_QUERY]
                await self._answer({digest: self._waiting.pop(digest) for digest in digests})
        finally:
            self._worker = None

    async def _answer(self, batch: Mapping[bytes, Sequence[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._load(list(batch))
        except BaseException as error:
            for answer in chain.from_iterable(batch.values()):
                if not answer.done():
                    answer.set_exception(_as_failure(error))
                    answer.exception()  # nobody may be left to hear it
            if not isinstance(error, Exception):
                raise
            return
        for digest, askers in batch.items():
            record = found.get(digest)
            for answer in askers:
                if not answer.done():
                    answer.set_result(record)


def _as_failure(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else ConnectionError("the look-up was broken off")
