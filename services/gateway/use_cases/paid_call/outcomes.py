"""How calls ended, told to billing in batches behind their answers. Bounded; what can't be told stays `unknown`."""

import asyncio
from collections import deque

from services.gateway.clients.billing_ledger import BillingLedger
from services.gateway.use_cases.paid_call.metrics import OUTCOMES_DROPPED
from shared.contracts.ledger import MAX_ITEMS, OutcomeItem
from shared.http_client import SiblingUnavailable

_MOST_WAITING = 50_000
_GATHER_SECONDS = 0.05
_PAUSE_SECONDS = 1.0


class Outcomes:
    """One a process; `run` tells until it is cancelled."""

    def __init__(self, ledger: BillingLedger) -> None:
        self._ledger = ledger
        self._waiting: deque[OutcomeItem] = deque()
        self._bell = asyncio.Event()

    def tell(self, item: OutcomeItem) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            OUTCOMES_DROPPED.inc()
            return
        self._waiting.append(item)
        self._bell.set()

    async def run(self) -> None:
        """Tell what waits, for ever; a batch is gathered for a twentieth of a second, so that few calls do not cost
        a request each."""
        while True:
            await self._bell.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            if not await self.tell_waiting():
                await asyncio.sleep(_PAUSE_SECONDS)

    async def tell_waiting(self) -> bool:
        """Whether everything could be told."""
        self._bell.clear()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MAX_ITEMS, len(self._waiting)))]
            try:
                await self._ledger.tell_outcomes(batch)
            except SiblingUnavailable:
                self._waiting.extendleft(reversed(batch))
                self._bell.set()
                return False
        return True
