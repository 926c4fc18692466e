"""What can't go the swift way, beside it: decided in memory under the wallets' locks. Batches of their own."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from services.billing.domain.ledger.items import Result
from services.billing.use_cases.post_items import post_each
from services.billing.use_cases.posting.asks import Ask, Groups, unknown_outcome
from shared.clock import Clock
from shared.db import Database, is_unavailable
from shared.errors import DomainError
from shared.telemetry import logger

_LANES = 2
_MOST_IN_BATCH = 256

Done = Callable[[Iterable[str]], None]


class Exactly:
    """`done` is told of the accounts whose asks are answered. An account is here once at a time."""

    def __init__(self, database: Database, clock: Clock, *, done: Done) -> None:
        self._database = database
        self._clock = clock
        self._done = done
        self._waiting: deque[tuple[str, Sequence[Ask]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def post(self, groups: Groups) -> None:
        """Take them; answer them in time."""
        self._waiting += groups.items()
        if self._waiting and len(self._tasks) < _LANES:
            task = asyncio.create_task(self._work_off())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Answer what waits."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work_off(self) -> None:
        while groups := self._next_batch():
            asks = [ask for _, group in groups for ask in group]
            try:
                outcomes = await post_each(self._database, self._clock, [ask.item for ask in asks])
                answer(asks, outcomes)
            except Exception as error:  # noqa: BLE001 - each asker is told
                fail(asks, error)
            self._done([account_id for account_id, _ in groups])

    def _next_batch(self) -> list[tuple[str, Sequence[Ask]]]:
        groups, size = [], 0
        while self._waiting and size < _MOST_IN_BATCH:
            groups.append(self._waiting.popleft())
            size += len(groups[-1][1])
        return groups


def answer(asks: Sequence[Ask], outcomes: Sequence[Result | BaseException]) -> None:
    """Each its own verdict, or that there is none."""
    for ask, outcome in zip(asks, outcomes, strict=True):
        if isinstance(outcome, Result):
            ask.settle(outcome)
        else:
            fail([ask], outcome)


def fail(asks: Iterable[Ask], error: BaseException) -> None:
    """Nobody knows whether these were posted. What was not foreseen is logged."""
    if not is_unavailable(error) and not isinstance(error, DomainError):
        logger.error("postings_failed", error=type(error).__name__, exc_info=error)
    for ask in asks:
        ask.request.fail(unknown_outcome())
