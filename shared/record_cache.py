"""Records by digest, remembered by this process as long as the change feed is heard.

A record read before a change and finished after its news must not be remembered: each forgetting opens a new epoch, and
what was asked in an older one is handed out but not kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Generic, TypeVar

from shared.change_feed import ChangeFeed
from shared.look_ups import Load, LookUps

V = TypeVar("V")

_MOST_ABSENT = 4_096


@lru_cache(maxsize=1_024)
def kept_once(value: V) -> V:
    """The first of equal values. Records are kept by the ten thousand, and most have their scopes, limits and tier in
    common: each with its own copies takes half as much again."""
    return value


class RecordCache(Generic[V]):
    """`load` asks PostgreSQL; `refs` says by which ref of each kind of change a record is meant.

    Up to `most` records are remembered, the least recently used going first. What does not exist is remembered, too,
    for him who keeps asking for it; but of a flood only the last of it.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        *,
        load: Load[V],
        refs: Mapping[str, Callable[[V], str]],
        most: int,
    ) -> None:
        self._feed = feed
        self._look_ups = LookUps[V](load)
        self._refs = refs
        self._most = most
        self._known: OrderedDict[bytes, V] = OrderedDict()
        self._absent: OrderedDict[bytes, None] = OrderedDict()
        self._by_ref: dict[str, dict[str, list[bytes]]] = {kind: {} for kind in refs}
        self._epoch = 0
        for kind in refs:
            feed.subscribe(kind, partial(self._forget, kind))

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, digest: bytes) -> V | None:
        """The record, if it is remembered and may be believed. Waits for nothing."""
        known = self._known.get(digest)
        if known is None or not self._feed.is_current:
            return None
        self._known.move_to_end(digest)
        return known

    async def find(self, digest: bytes) -> V | None:
        """The record as it was at most 1 s ago, or None where there is none. Raises `overloaded`."""
        known = self.recall(digest)
        if known is not None or (digest in self._absent and self._feed.is_current):
            return known
        epoch = self._epoch
        found = await self._look_ups.find(digest)
        if epoch == self._epoch and self._feed.is_current:
            self._remember(digest, found)
        return found

    def _remember(self, digest: bytes, found: V | None) -> None:
        if found is None:
            self._absent[digest] = None
            if len(self._absent) > min(self._most, _MOST_ABSENT):
                self._absent.popitem(last=False)
            return
        self._drop(digest)
        self._known[digest] = found
        for kind, ref_of in self._refs.items():
            self._by_ref[kind].setdefault(ref_of(found), []).append(digest)
        if len(self._known) > self._most:
            self._drop(next(iter(self._known)))

    def _drop(self, digest: bytes) -> None:
        found = self._known.pop(digest, None)
        if found is None:
            return
        for kind, ref_of in self._refs.items():
            ref, digests_by_ref = ref_of(found), self._by_ref[kind]
            digests_by_ref[ref].remove(digest)
            if not digests_by_ref[ref]:
                del digests_by_ref[ref]

    def _forget(self, kind: str, ref: str | None) -> None:
        self._epoch += 1
        self._absent.clear()
        if ref is None:
            self._known.clear()
            for digests_by_ref in self._by_ref.values():
                digests_by_ref.clear()
            return
        for digest in tuple(self._by_ref[kind].get(ref, ())):
            self._drop(digest)
