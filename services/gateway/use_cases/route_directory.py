"""Which route a name means: all of them in this process's memory, read anew when one has changed.

A new or changed route holds within 1 s: the change feed says so, and while the feed is not heard PostgreSQL is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from services.gateway.domain.route import Route
from shared.change_feed import ChangeFeed


class RouteDirectory:
    """Live routes by name. `load` reads every route there is."""

    def __init__(self, feed: ChangeFeed, *, load: Callable[[], Awaitable[Iterable[Route]]]) -> None:
        self._feed = feed
        self._load = load
        self._routes: dict[str, Route] = {}
        self._known_epoch = -1
        self._epoch = 0
        self._reading = asyncio.Lock()
        feed.subscribe("route", self._forget)

    def recall(self, name: str) -> Route | None:
        """The route, if it is remembered and may be believed. Waits for nothing."""
        is_fresh = self._known_epoch == self._epoch and self._feed.is_current
        return self._routes.get(name) if is_fresh else None

    async def find(self, name: str) -> Route | None:
        """The live route of that name. Raises what reading raises, where it must be read."""
        if self._known_epoch != self._epoch or not self._feed.is_current:
            await self._read()
        return self._routes.get(name)

    async def _read(self) -> None:
        async with self._reading:
            if self._known_epoch == self._epoch and self._feed.is_current:
                return
            epoch = self._epoch
            routes = {route.name: route for route in await self._load() if route.status == "live"}
            self._routes, self._known_epoch = routes, epoch

    def _forget(self, _ref: str | None) -> None:
        self._epoch += 1
