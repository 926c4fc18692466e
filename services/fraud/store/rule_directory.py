"""The rules that judge and the snoozes that hold, in this process's memory: read anew when one has changed.

A change holds within 1 s: the change feed says so, and while the feed is not heard PostgreSQL is asked.
"""

import asyncio

from services.fraud.domain.rules.ruleset import RuleSet
from services.fraud.store import rules, snoozes
from services.fraud.store.rules import RULES_CHANGED
from services.fraud.store.snoozes import Sleeping
from shared.change_feed import ChangeFeed
from shared.db import Database

Known = tuple[RuleSet, Sleeping]


class RuleDirectory:
    """One a process."""

    def __init__(self, feed: ChangeFeed, database: Database) -> None:
        self._feed = feed
        self._database = database
        self._known: Known | None = None
        self._known_epoch = -1
        self._epoch = 0
        self._reading = asyncio.Lock()
        feed.subscribe(RULES_CHANGED, self._forget)

    async def find(self) -> Known:
        """The rules as they were at most 1 s ago. Waits for nothing where they are remembered; raises what reading
        raises, where they must be read."""
        return self._remembered() or await self._read()

    def _remembered(self) -> Known | None:
        return self._known if self._known_epoch == self._epoch and self._feed.is_current else None

    async def _read(self) -> Known:
        async with self._reading:
            known = self._remembered()
            if known is not None:
                return known
            epoch = self._epoch
            async with self._database.transaction() as connection:
                versions, asleep = await rules.judging(connection), await snoozes.live(connection)
            known = (RuleSet.of(versions), asleep)
            self._known, self._known_epoch = known, epoch
            return known

    def _forget(self, _ref: str | None) -> None:
        self._epoch += 1
