"""What waits, fairly between its owners: one of each in turn, and of one owner in order of arrival.

Times are the asker's clock in seconds, any clock that doesn't go back. Every verb but iterating costs the same however
much waits.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _Line(Generic[T]):
    """One owner's, never empty: each with its arrival. `turn_since` is when the owner began to wait for his turn."""

    __slots__ = ("items", "owner", "turn_since")

    def __init__(self, owner: str, turn_since: float) -> None:
        self.owner = owner
        self.turn_since = turn_since
        self.items: deque[tuple[T, float]] = deque()


class FairQueue(Generic[T]):
    """Without a bound of its own: who adds looks at `len` and `size_of` first."""

    __slots__ = ("_lines", "_ring", "_size")

    def __init__(self) -> None:
        self._lines: dict[str, _Line[T]] = {}
        self._ring: deque[_Line[T]] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        """Everything that waits, in no promised order."""
        return (item for line in self._ring for item, _ in line.items)

    def add(self, owner: str, item: T, *, at: float) -> None:
        """Behind what the owner has waiting already; a new owner's turn is the last."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = _Line(owner, at)
            self._ring.append(line)
        line.items.append((item, at))
        self._size += 1

    def put_back(self, owner: str, item: T, *, arrived_at: float) -> None:
        """Before everything else: it was taken too early. Of several, the last that was taken is put back first."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = _Line(owner, arrived_at)
            self._ring.appendleft(line)
        line.items.appendleft((item, arrived_at))
        self._size += 1

    def take(self, *, at: float) -> T | None:
        """The next, None where nothing waits. Its owner's next turn comes when every other waiting one has had his."""
        if not self._ring:
            return None
        line = self._ring.popleft()
        item, _ = line.items.popleft()
        self._size -= 1
        if line.items:
            line.turn_since = at
            self._ring.append(line)
        else:
            del self._lines[line.owner]
        return item

    def size_of(self, owner: str) -> int:
        line = self._lines.get(owner)
        return len(line.items) if line is not None else 0

    def oldest_of(self, owner: str) -> float | None:
        """When the first that this owner has waiting arrived."""
        line = self._lines.get(owner)
        return line.items[0][1] if line is not None else None

    def turn_since(self) -> float | None:
        """Since when the owner whose turn is next has waited for it: how late everybody's turn comes."""
        return self._ring[0].turn_since if self._ring else None
