"""Memory for answers that are kept back until their usage is known, and then until their callers have taken them: so
much for all calls of a process together.

Every call may keep 64 KiB uncounted, so that however much others keep, the answers of most are read whole.
"""

from types import TracebackType
from typing import Self

UNCOUNTED_BYTES = 64 * 1024


class KeptBack:
    """One a process."""

    def __init__(self, most_bytes: int) -> None:
        self.left_bytes = most_bytes

    def share(self) -> "Share":
        return Share(self)


class Share:
    """What one call keeps, given back at the end of a `with` block."""

    __slots__ = ("_counted", "_of")

    def __init__(self, of: KeptBack) -> None:
        self._of = of
        self._counted = 0

    def may_be(self, size: int) -> bool:
        """Whether the call may keep so many bytes in all; they are counted as its own if so."""
        more = max(0, size - UNCOUNTED_BYTES) - self._counted
        if more > self._of.left_bytes:
            return False
        self._counted += more
        self._of.left_bytes -= more
        return True

    def handed_on(self) -> "Share":
        """What is kept beyond this share's end, as a share of its own."""
        share = Share(self._of)
        share._counted, self._counted = self._counted, 0
        return share

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._of.left_bytes += self._counted
        self._counted = 0
