"""Charges and holds of calls that got no answer, undone when billing can be asked again.

Bounded: what finds the queue full stands (a hold ends by itself). Undoing twice is harmless: the ids stay the same.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from services.gateway.clients.billing_ledger import BillingLedger, BillingOverloaded, BillingUnavailable
from services.gateway.store.paid_repeats import RepeatsUnavailable
from services.gateway.use_cases.paid_call.metrics import UNDO_DROPPED, UNDO_WAITING
from shared.contracts.ledger import Release, Reverse
from shared.telemetry import logger

_MOST_WAITING = 20_000
_AT_ONCE = 100
_PAUSE_SECONDS = 0.5

Work = Callable[[], Awaitable[object]]
"""Undoing that takes more than one posting. It is called again while it raises that billing or PostgreSQL is away."""


class Undo:
    """One a process; `run` does the work until it is cancelled."""

    def __init__(self, ledger: BillingLedger) -> None:
        self._ledger = ledger
        self._waiting: deque[Reverse | Release | Work] = deque()
        self._bell = asyncio.Event()

    def later(self, *items: Reverse | Release) -> None:
        """Undo these as soon as billing answers, in this order."""
        for item in items:
            self._put(item, op=item["op"], account_id=item["account_id"])

    def work_later(self, work: Work, *, account_id: str) -> None:
        """Do this as soon as it can be done."""
        self._put(work, op="work", account_id=account_id)

    def _put(self, item: Reverse | Release | Work, *, op: str, account_id: str) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            UNDO_DROPPED.inc()
            logger.error("undo_dropped", op=op, account_id=account_id)
            return
        self._waiting.append(item)
        UNDO_WAITING.set(len(self._waiting))
        self._bell.set()

    async def run(self) -> None:
        """Work off what waits, for ever."""
        while True:
            await self._bell.wait()
            if not await self.work_off():
                await asyncio.sleep(_PAUSE_SECONDS)

    async def work_off(self) -> bool:
        """Try everything that waits once; whether nothing is left."""
        self._bell.clear()
        batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        try:
            tried = await asyncio.gather(*(self._undone(item) for item in batch))
        except BaseException:
            self._waiting.extendleft(reversed(batch))
            raise
        self._waiting.extendleft(item for item, done in zip(reversed(batch), reversed(tried), strict=True) if not done)
        UNDO_WAITING.set(len(self._waiting))
        if self._waiting:
            self._bell.set()
        return not self._waiting or all(tried)

    async def _undone(self, item: Reverse | Release | Work) -> bool:
        try:
            await (item() if callable(item) else self._ledger.post(item))
        except (BillingUnavailable, BillingOverloaded, RepeatsUnavailable):
            return False
        return True
