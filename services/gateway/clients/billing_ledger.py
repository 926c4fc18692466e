"""Charges, holds, captures and reversals at billing, many callers' in one request.

What waits while requests are under way makes the next one: alone, an item waits for nobody. It is taken one of each
account in turn, so that an account's flood delays others by no more than its share, and of one account in order of
arrival. An unknown outcome is sent again with the same ids until the item's deadline; billing answers a repeated id
with its first verdict.
"""

import asyncio
import math
from collections.abc import Sequence
from functools import partial
from itertools import chain

import orjson

from services.gateway.clients import http1
from services.gateway.clients.sibling_door import SiblingDoor
from services.gateway.domain.fair_queue import FairQueue
from shared.contracts import ledger as contract
from shared.http_client import SiblingUnavailable
from shared.service_auth import Minter
from shared.telemetry import logger

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_LONGEST_ATTEMPT_SECONDS = 2.0
_SWEEP_SECONDS = 0.1
_STUCK_SECONDS = 0.05
"""A request under way for so long is waited for by nobody else."""
_OK = 200
_BEGINNINGS = frozenset({"charge", "hold"})
_SHARE = 4
"""An account may have a quarter of the queue waiting; the last quarter is kept for what ends calls."""


class BillingUnavailable(Exception):
    """No verdict before the deadline. `may_have_been_posted` where the item was sent, so that it may stand."""

    def __init__(self, *, may_have_been_posted: bool) -> None:
        super().__init__("billing gave no verdict in time")
        self.may_have_been_posted = may_have_been_posted


class BillingOverloaded(Exception):
    """Too many items wait already, or too long. This one was not sent."""


class _Waiting:
    """An item and who waits for its verdict; times are the loop's. `is_repeat`: what became of an earlier sending is
    not known."""

    __slots__ = ("arrived_at", "is_repeat", "item", "until", "verdict", "was_sent")

    def __init__(
        self, item: contract.Item, verdict: asyncio.Future[contract.Result], arrived_at: float, until: float
    ) -> None:
        self.item = item
        self.verdict = verdict
        self.arrived_at = arrived_at
        self.until = until
        self.was_sent = False
        self.is_repeat = False


class _Batch:
    """A request under way, since when."""

    __slots__ = ("items", "sent_at")

    def __init__(self, items: list[_Waiting], sent_at: float) -> None:
        self.items = items
        self.sent_at = sent_at


class BillingLedger:
    """One a process. `most_waiting` bounds the queue; charges and holds are refused at once while the queue moves so
    slowly that a turn takes `longest_wait_ms`. One request is under way at a time, for the fullest batches; up to
    `batches_in_flight` where that one is stuck, or more wait than it could carry."""

    def __init__(
        self,
        base_url: str,
        minter: Minter,
        *,
        deadline_ms: int,
        batches_in_flight: int,
        most_waiting: int,
        longest_wait_ms: int = 1_000,
    ) -> None:
        most = batches_in_flight + 2
        self._door = SiblingDoor(base_url, audience="billing", minter=minter, most_connections=most, most_waiting=most)
        self._deadline_seconds = deadline_ms / 1_000
        self._batches_in_flight = batches_in_flight
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait_ms / 1_000
        self._patience = min(_STUCK_SECONDS, self._longest_wait)
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._most_untroubled = min(contract.MAX_ITEMS, most_waiting // _SHARE)
        """Less waits than the next request carries, and than any bound: nobody asks further."""
        self._under_way: dict[int, _Batch] = {}
        self._stuck_from = math.inf
        """When the oldest request under way is stuck; while one is awaited again, always."""
        self._pausing = 0
        self._senders: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def post(self, item: contract.Item) -> contract.Result:
        """The verdict on one item. Raises BillingUnavailable past the deadline, BillingOverloaded at once."""
        loop = self._loop
        if loop is None:  # asking for it is a system call each time
            loop = self._loop = asyncio.get_running_loop()
        now = loop.time()
        is_slow = len(self._queue) >= self._most_untroubled or now > self._stuck_from
        if is_slow and not self._has_room_for(item, now):
            raise BillingOverloaded
        verdict: asyncio.Future[contract.Result] = loop.create_future()
        self._queue.add(item["account_id"], _Waiting(item, verdict, now, now + self._deadline_seconds), at=now)
        if is_slow or not self._senders:
            self._send_if_needed(now)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)
        return await verdict

    async def tell_outcomes(self, items: Sequence[contract.OutcomeItem]) -> None:
        """How answered calls ended. Raises SiblingUnavailable; telling twice is harmless."""
        try:
            async with asyncio.timeout(_LONGEST_ATTEMPT_SECONDS):
                status, _ = await self._door.post(contract.OUTCOMES_PATH, {"items": list(items)})
        except (http1.ExchangeFailed, TimeoutError) as error:
            raise SiblingUnavailable(f"billing: {error}") from error
        if not _OK <= status < 300:
            raise SiblingUnavailable(f"billing: {status}")

    async def close(self) -> None:
        """End what is under way; whoever waits gets no verdict."""
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        self._expire(math.inf)
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._door.close()

    # Bounds

    def _has_room_for(self, item: contract.Item, now: float) -> bool:
        size = len(self._queue)
        if item["op"] not in _BEGINNINGS:
            return size < self._most_waiting
        of_one = self._queue.size_of(item["account_id"])
        return (
            size < self._most_waiting - self._most_waiting // _SHARE
            and of_one <= self._most_waiting // _SHARE
            and not self._is_late(item["account_id"], now)
        )

    def _is_late(self, account_id: str, now: float) -> bool:
        oldest, turn_since = self._queue.oldest_of(account_id), self._queue.turn_since()
        latest = now - self._longest_wait
        return (oldest is not None and oldest < latest) or (turn_since is not None and turn_since < latest)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._expire(now)
        self._send_if_needed(now)
        is_needed = len(self._queue) or self._under_way
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep) if is_needed else None

    def _expire(self, now: float) -> None:
        for waiting in chain(self._queue, *(batch.items for batch in self._under_way.values())):
            if waiting.until <= now and not waiting.verdict.done():
                waiting.verdict.set_exception(BillingUnavailable(may_have_been_posted=waiting.was_sent))

    # Sending

    def _send_if_needed(self, now: float) -> None:
        if not len(self._queue) or len(self._senders) >= self._batches_in_flight:
            return
        if not self._senders or self._needs_another(now):
            self._send()

    def _needs_another(self, now: float) -> bool:
        """Whether what waits would wait for a request that is stuck, or for one that can't carry it all."""
        return now > self._stuck_from or len(self._queue) > contract.MAX_ITEMS

    def _look_for_stuck(self) -> None:
        oldest = min((batch.sent_at for batch in self._under_way.values()), default=math.inf)
        self._stuck_from = -math.inf if self._pausing else oldest + self._patience

    def _send(self) -> None:
        sender = asyncio.create_task(self._work_off())
        self._senders.add(sender)
        sender.add_done_callback(self._sender_ended)

    def _sender_ended(self, sender: asyncio.Task[None]) -> None:
        self._senders.discard(sender)
        if not sender.cancelled():
            self._send_if_needed(asyncio.get_running_loop().time())

    async def _work_off(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            self._under_way[id(batch)] = _Batch(batch, loop.time())
            self._look_for_stuck()
            results = await self._asked(batch)
            del self._under_way[id(batch)]
            self._look_for_stuck()
            if results is None:
                self._put_back(batch)
                await self._pause(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            _deliver(batch, results)
            if len(self._senders) > 1 and not self._needs_another(loop.time()):
                return

    async def _pause(self, seconds: float) -> None:
        self._pausing += 1
        self._look_for_stuck()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._pausing -= 1
            self._look_for_stuck()

    def _next_batch(self) -> list[_Waiting]:
        """Those who still wait, one of each account in turn; who gave up is not sent."""
        batch: list[_Waiting] = []
        now = asyncio.get_running_loop().time()
        while len(batch) < contract.MAX_ITEMS and (waiting := self._queue.take(at=now)) is not None:
            if not waiting.verdict.done():
                batch.append(waiting)
        return batch

    def _put_back(self, batch: Sequence[_Waiting]) -> None:
        for waiting in reversed(batch):
            if not waiting.verdict.done():
                waiting.is_repeat = waiting.was_sent
                self._queue.put_back(waiting.item["account_id"], waiting, arrived_at=waiting.arrived_at)

    async def _asked(self, batch: Sequence[_Waiting]) -> list[contract.Result] | None:
        """The verdicts, or None where the outcome is not known."""
        left = max(waiting.until for waiting in batch) - asyncio.get_running_loop().time()
        seconds = min(max(left, 0.001), _LONGEST_ATTEMPT_SECONDS)
        postings: contract.Postings = {
            "items": [waiting.item for waiting in batch],
            "deadline_ms": max(1, int(seconds * 1_000)),
        }
        try:
            async with asyncio.timeout(seconds):
                status, answer = await self._door.post(contract.PATH, postings, partial(_mark_sent, batch))
        except (http1.ExchangeFailed, TimeoutError):
            return None
        return _results(status, answer, len(batch))


def _mark_sent(batch: Sequence[_Waiting]) -> None:
    for waiting in batch:
        waiting.was_sent = True


def _deliver(batch: Sequence[_Waiting], results: Sequence[contract.Result]) -> None:
    """`busy` says that this sending did nothing: an earlier one may stand yet, and is its asker's to undo."""
    for waiting, result in zip(batch, results, strict=True):
        if waiting.verdict.done():
            continue
        if waiting.is_repeat and result["verdict"] == "busy":
            waiting.verdict.set_exception(BillingUnavailable(may_have_been_posted=True))
        else:
            waiting.verdict.set_result(result)


def _results(status: int, answer: bytes, expected: int) -> list[contract.Result] | None:
    if status != _OK:
        logger.error("postings_refused", status=status, problem=answer[:300].decode("utf-8", "replace"))
        return None
    try:
        results: list[contract.Result] = orjson.loads(answer)["results"]
        answered = len(results)
    except (ValueError, KeyError, TypeError):
        logger.error("postings_unreadable")
        return None
    if answered != expected:
        logger.error("postings_miscounted", asked=expected, answered=answered)
        return None
    return results
