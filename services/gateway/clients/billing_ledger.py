"""Charges, holds, captures and reversals at billing, many callers' in one request.

What waits while a request is under way makes the next one: alone, an item waits for nobody. An unknown outcome is sent
again with the same ids until the item's deadline; billing answers a repeated id with its first verdict.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from shared.contracts import ledger as contract
from shared.http_client import ServiceClient, SiblingUnavailable
from shared.telemetry import logger

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_LONGEST_ATTEMPT_SECONDS = 2.0
_OK = 200


class BillingUnavailable(Exception):
    """No verdict before the deadline. `may_have_been_posted` where the item was sent, so that it may stand."""

    def __init__(self, *, may_have_been_posted: bool) -> None:
        super().__init__("billing gave no verdict in time")
        self.may_have_been_posted = may_have_been_posted


class BillingOverloaded(Exception):
    """Too many items wait already. This one was not sent."""


@dataclass(eq=False, slots=True)
class _Waiting:
    item: contract.Item
    verdict: asyncio.Future[contract.Result]
    was_sent: bool = field(default=False)


class BillingLedger:
    """One a process. `most_waiting` bounds the queue, `batches_in_flight` the requests under way."""

    def __init__(self, client: ServiceClient, *, deadline_ms: int, batches_in_flight: int, most_waiting: int) -> None:
        self._client = client
        self._deadline_seconds = deadline_ms / 1_000
        self._batches_in_flight = batches_in_flight
        self._most_waiting = most_waiting
        self._queue: deque[_Waiting] = deque()
        self._senders: set[asyncio.Task[None]] = set()

    async def post(self, item: contract.Item) -> contract.Result:
        """The verdict on one item. Raises BillingUnavailable past the deadline, BillingOverloaded at once."""
        if len(self._queue) >= self._most_waiting:
            raise BillingOverloaded
        waiting = _Waiting(item, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._send()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await waiting.verdict
        except TimeoutError:
            raise BillingUnavailable(may_have_been_posted=waiting.was_sent) from None

    async def tell_outcomes(self, items: Sequence[contract.OutcomeItem]) -> None:
        """How answered calls ended. Raises SiblingUnavailable; telling twice is harmless."""
        response = await self._client.post(contract.OUTCOMES_PATH, {"items": list(items)}, idempotent=True)
        if not response.is_success:
            raise SiblingUnavailable(f"billing: {response.status_code}")

    async def close(self) -> None:
        """End what is under way; whoever waits gets no verdict."""
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    def _send(self) -> None:
        if self._queue and len(self._senders) < self._batches_in_flight:
            sender = asyncio.create_task(self._work_off())
            self._senders.add(sender)
            sender.add_done_callback(self._sender_ended)

    def _sender_ended(self, sender: asyncio.Task[None]) -> None:
        self._senders.discard(sender)
        if not sender.cancelled():
            self._send()

    async def _work_off(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while batch := self._next_batch():
            results = await self._asked(batch)
            if results is not None:
                pause = _FIRST_PAUSE_SECONDS
                for waiting, result in zip(batch, results, strict=True):
                    if not waiting.verdict.done():
                        waiting.verdict.set_result(result)
                continue
            self._queue.extendleft(waiting for waiting in reversed(batch) if not waiting.verdict.done())
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _next_batch(self) -> list[_Waiting]:
        """Those who still wait, in order of arrival; who gave up is not sent."""
        batch: list[_Waiting] = []
        while self._queue and len(batch) < contract.MAX_ITEMS:
            waiting = self._queue.popleft()
            if not waiting.verdict.done():
                batch.append(waiting)
        return batch

    async def _asked(self, batch: Sequence[_Waiting]) -> list[contract.Result] | None:
        """The verdicts, or None where the outcome is not known."""
        was_sent = [waiting.was_sent for waiting in batch]
        for waiting in batch:
            waiting.was_sent = True
        try:
            response = await self._client.post(
                contract.PATH,
                {"items": [waiting.item for waiting in batch]},
                idempotent=False,
                deadline_seconds=min(self._deadline_seconds, _LONGEST_ATTEMPT_SECONDS),
            )
        except SiblingUnavailable as error:
            if isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
                for waiting, before in zip(batch, was_sent, strict=True):
                    waiting.was_sent = before
            return None
        return _results(response, len(batch))


def _results(response: httpx.Response, expected: int) -> list[contract.Result] | None:
    if response.status_code != _OK:
        logger.error("postings_refused", status=response.status_code, problem=response.text[:300])
        return None
    results: list[contract.Result] = response.json()["results"]
    if len(results) != expected:
        logger.error("postings_miscounted", asked=expected, answered=len(results))
        return None
    return results
