"""How this process hears that something it remembers has changed: within 1 s, whatever dies.

PostgreSQL is polled every 300 ms; a ring over pub/sub only hastens it. Without a successful poll for 900 ms of
monotonic time, counted from when that poll was asked, nothing remembered is trusted until one succeeds.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from redis.asyncio import Redis

from shared import bus, changes
from shared.changes import Poll
from shared.db import Database
from shared.loops import Loop, running, stop
from shared.telemetry import logger

POLL_EVERY_SECONDS = 0.3
TRUSTED_FOR_SECONDS = 0.9
POLL_DEADLINE_SECONDS = 0.8
FORGET_ALL_AFTER_SECONDS = 1_800.0
"""Changes are kept for an hour: after so long without a poll, everything is forgotten instead."""
RING_DEADLINE_SECONDS = 0.25

Forget = Callable[[str | None], None]
"""Called with the changed thing's ref; None: with everything. Must not wait, and may be called twice."""


class ChangeFeed:
    """Polls and tells the subscribers. One a process; `loop` runs it."""

    def __init__(
        self, ask: Callable[[str | None], Awaitable[Poll]], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._subscribers: defaultdict[str, list[Forget]] = defaultdict(list)
        self._since: str | None = None
        self._heard_at = float("-inf")
        self._fails = False
        self.bell = asyncio.Event()

    def subscribe(self, kind: str, forget: Forget) -> None:
        """Call `forget` for each change of `kind`, one of those that the schema notes."""
        self._subscribers[kind].append(forget)

    @property
    def is_current(self) -> bool:
        """Whether what this process remembers may be believed."""
        return self._monotonic() - self._heard_at < TRUSTED_FOR_SECONDS

    async def poll(self) -> None:
        """Ask once and tell everyone. Raises what the asking raises; nothing is lost then."""
        asked_at = self._monotonic()
        first = self._since is None or asked_at - self._heard_at > FORGET_ALL_AFTER_SECONDS
        async with asyncio.timeout(POLL_DEADLINE_SECONDS):
            found = await self._ask(None if first else self._since)
        if first or found.too_many:
            self._tell_all()
        for change in found.changes:
            for forget in self._subscribers[change.kind]:
                forget(change.ref)
        self._since, self._heard_at = found.xmin, asked_at

    def _tell_all(self) -> None:
        for subscribers in self._subscribers.values():
            for forget in subscribers:
                forget(None)

    async def _poll_calmly(self) -> bool:
        """A poll that fails is simply the next one's work: a loop's growing pause would be too long here."""
        try:
            await self.poll()
        except Exception as error:  # noqa: BLE001  whatever it was, the cache distrusts itself meanwhile
            if not self._fails:
                logger.warning("change_feed_lost", error=type(error).__name__)
            self._fails = True
        else:
            if self._fails:
                logger.info("change_feed_back")
            self._fails = False
        return False

    def loop(self) -> Loop:
        """Every process that remembers runs this, not only workers."""
        return Loop("change-feed", POLL_EVERY_SECONDS, self._poll_calmly, self.bell)


def bell_of(service: str) -> str:
    """The channel that rings when a service's changes were committed."""
    return f"{service}:changes"


@contextlib.asynccontextmanager
async def following(service: str, database_url: str, redis: Redis) -> AsyncIterator[ChangeFeed]:
    """A service's feed, running until the block ends: on a connection of its own, so that a busy pool never delays a
    revocation."""
    database = Database(database_url, pool_size=1, application=f"{service}-changes")
    feed = ChangeFeed(partial(changes.poll, database))
    listening = asyncio.create_task(bus.listen(redis, {bell_of(service): feed.bell}), name="change-bell")
    try:
        async with running([feed.loop()]):
            yield feed
    finally:
        await stop([listening])
        await database.close()


async def hasten(service: str, feed: ChangeFeed, redis: Redis) -> None:
    """After a commit: have every process look now, this one and, over pub/sub, the others. Without it, 300 ms later."""
    feed.bell.set()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RING_DEADLINE_SECONDS):
            await bus.ring(redis, bell_of(service))
