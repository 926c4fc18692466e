"""Posts items for all requests of a process: group commit.

What waits while transactions are under way makes the next one; alone, an item waits for nobody. A batch's plain
accounts go in one statement. Those whose wallets it did not move are refused by a look at them, or else, with items of
other kinds, go on the exact way; both beside the next batches. An account is in one batch at a time, so its items are
decided in order of arrival. Whoever does not hear what became of an item sends it again with the same id.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence

from services.billing.domain.ledger.items import Item, Result
from services.billing.domain.ledger.transfer import IdSpan
from services.billing.domain.ledger.usage import Ending
from services.billing.store.ledger_connection import IdTaken, WalletsBusy
from services.billing.use_cases.posting.asks import Ask, Groups, Request, unknown_outcome
from services.billing.use_cases.posting.exactly import Exactly, fail
from services.billing.use_cases.posting.lane import Lane
from services.billing.use_cases.posting.refusals import Refusals
from services.billing.use_cases.posting.swift import SwiftBatch, is_plain, is_spending
from services.billing.use_cases.posting.waiting import Waiting
from shared.clock import Clock
from shared.db import Database

MOST_IN_BATCH = 512
MOST_WAITING = 8_192
MOST_WAITING_OF_ACCOUNT = 2_048
"""More charges and holds of one account are `busy`, so that its flood does not fill the queue for others."""
_LANES = 2
_WORTH_SPLITTING = 256
"""Accounts, each with something to post. Two transactions of 64 did a sixth more a second than one of 128, for a
quarter more of PostgreSQL's CPU time."""
_PATIENCE_MS = 10_000


class Poster:
    """One a process. Its own few connections are made when they are needed; close it before the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._waiting = Waiting()
        self._exactly = Exactly(database, clock, done=self._done)
        self._refusals = Refusals(database, clock, done=self._done, pass_on=self._exactly.post)
        self._idle = [Lane(database) for _ in range(_LANES)]
        self._telling = Lane(database, durable=False)
        self._told_one_by_one = asyncio.Lock()
        self._committing = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def post(self, items: Sequence[Item], *, within_ms: int | None = None) -> Sequence[Result]:
        """Judge and post each item; durable when it returns. Charges and holds that can't be begun `within_ms` are
        `busy`. DomainError `service_unavailable`, at once where too much waits, else where it is not known what became
        of an item: the same items can be sent again."""
        if self._closed or self._waiting.size + len(items) > MOST_WAITING:
            raise unknown_outcome("Too much waits to be posted; send the items again.")
        request = Request(len(items))
        begin_by = time.monotonic_ns() + (_PATIENCE_MS if within_ms is None else within_ms) * 1_000_000
        for place, item in enumerate(items):
            self._put(Ask(item, request, place, begin_by))
        self._start()
        return await request.answered

    async def tell_endings(self, endings: Sequence[Ending]) -> None:
        """How answered calls ended. Not money: it is not waited for until it is durable."""
        async with self._told_one_by_one:
            try:
                await (await self._telling.connection()).tell_endings(endings)
            except BaseException:
                self._telling.drop()
                raise

    async def close(self) -> None:
        """Take nothing more, answer what waits, and end the connections."""
        self._closed = True
        while self._tasks or self._waiting.size:
            await asyncio.wait(self._tasks) if self._tasks else await self._finish_beside()
        await self._finish_beside()
        await self._refusals.close()
        for lane in (*self._idle, self._telling):
            await lane.close()

    async def _finish_beside(self) -> None:
        await self._refusals.finish()
        await self._exactly.finish()

    def _put(self, ask: Ask) -> None:
        if ask.may_be_given_up and self._waiting.of(ask.item.account_id) >= MOST_WAITING_OF_ACCOUNT:
            ask.give_up()
        else:
            self._waiting.put(ask)

    def _start(self) -> None:
        """A task begins after whatever else comes in this turn of the loop, which is thus taken along."""
        if self._idle and self._waiting.ready:
            task = asyncio.create_task(self._work_off(self._idle.pop()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _done(self, account_ids: Iterable[str]) -> None:
        self._waiting.done(account_ids)
        self._start()

    async def _work_off(self, lane: Lane) -> None:
        try:
            while groups := self._next_batch():
                self._committing += 1
                try:
                    await self._commit(lane, groups)
                finally:
                    self._committing -= 1
                await asyncio.sleep(0)  # who was just answered and asks again comes along, instead of in a batch behind
        finally:
            self._idle.append(lane)

    def _next_batch(self) -> Groups:
        """Where another lane is idle and it is worth it, only a share: the two commit at the same time."""
        most = MOST_IN_BATCH
        if self._waiting.ready >= _WORTH_SPLITTING:
            most = min(most, -(-self._waiting.size // (_LANES - self._committing)))
        groups = self._waiting.take(most)
        now = time.monotonic_ns()
        if not any(ask.begin_by < now for asks in groups.values() for ask in asks):
            return groups
        return self._without_late(groups, now) or self._next_batch()

    def _without_late(self, groups: Groups, now: int) -> Groups:
        """Answer `busy` what comes too late to be begun and may be given up."""
        kept = {}
        for account_id, asks in groups.items():
            left = [ask for ask in asks if ask.begin_by >= now or not ask.may_be_given_up]
            for ask in asks:
                if ask not in left:
                    ask.give_up()
            if left:
                kept[account_id] = left
        self._done([account_id for account_id in groups if account_id not in kept])
        return kept

    async def _commit(self, lane: Lane, groups: Groups) -> None:
        """Post what may be posted in one statement. The rest of the batch is answered beside the next ones."""
        span = IdSpan(self._clock.real_now())
        plain = {account_id for account_id, asks in groups.items() if is_plain(asks, span)}
        spending = {account_id for account_id in plain if is_spending(groups[account_id])}
        poor = {account_id: groups[account_id] for account_id in spending if account_id in self._refusals}
        self._refusals.judge(poor)
        groups = {account_id: asks for account_id, asks in groups.items() if account_id not in poor}
        swift = {account_id: asks for account_id, asks in groups.items() if account_id in plain}
        try:
            if swift:
                await self._post_swiftly(lane, SwiftBatch(swift))
        except Exception as error:  # noqa: BLE001 - each asker is told, and the lane goes on with a new connection
            lane.drop()
            fail((ask for asks in swift.values() for ask in asks), error)
        left = _unanswered(groups)
        self._done([account_id for account_id in groups if account_id not in left])
        self._refusals.judge({account_id: asks for account_id, asks in left.items() if account_id in spending})
        self._exactly.post({account_id: asks for account_id, asks in left.items() if account_id not in spending})

    async def _post_swiftly(self, lane: Lane, batch: SwiftBatch) -> None:
        """Post and answer what can be in one statement. What a unique key or a lock undoes is answered by nobody."""
        connection = await lane.connection()
        try:
            if batch.groups:
                batch.settle(await connection.post(batch.wallets, batch.charges, batch.holds, at=self._clock.now()))
            if batch.telling:
                batch.settle_progress(await connection.tell_progress(batch.progress))
        except (IdTaken, WalletsBusy):
            return


def _unanswered(groups: Groups) -> Groups:
    """What has no verdict yet, of the accounts that have such."""
    left = {account_id: [ask for ask in asks if not ask.is_settled] for account_id, asks in groups.items()}
    return {account_id: asks for account_id, asks in left.items() if asks}
