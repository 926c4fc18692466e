"""Server-sent events, cut into whole events as their bytes come (WHATWG HTML, section 9.2).

`feed` gives back every byte exactly once and in order: an event's `raw` bytes with the blank line that ends it.
"""

import re
from dataclasses import dataclass

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LINE = re.compile(rb"\r\n|\n|\r")
MAX_EVENT_BYTES = 1 << 20
_LONGEST_BREAK = 4


@dataclass(frozen=True, slots=True)
class Event:
    """`raw` as it came; `data` its data lines joined, or None where it is too long to be looked into."""

    raw: bytes
    data: bytes | None


class EventCutter:
    """Holds the beginning of an event until its end has come, up to `MAX_EVENT_BYTES`; longer ones pass in parts."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._searched = 0
        self._oversized = False

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes."""
        self._waiting += piece
        events = []
        blank_line_end = _blank_line_end if b"\r" in self._waiting else _blank_line_end_of_plain
        while (end := blank_line_end(self._waiting, self._searched)) != -1:
            events.append(self._cut(end, whole=not self._oversized))
            self._oversized = False
        self._searched = max(0, len(self._waiting) - _LONGEST_BREAK)
        if len(self._waiting) > MAX_EVENT_BYTES:
            self._oversized = True
            events.append(self._cut(len(self._waiting), whole=False))
        return events

    def rest(self) -> Event | None:
        """What is left at the stream's end: an event without its blank line."""
        if not self._waiting:
            return None
        return self._cut(len(self._waiting), whole=not self._oversized)

    def _cut(self, end: int, *, whole: bool) -> Event:
        raw = bytes(self._waiting[:end])
        del self._waiting[:end]
        self._searched = 0
        return Event(raw, _data_of(raw) if whole else None)


def _blank_line_end(stream: bytearray, since: int) -> int:
    """Where the first blank line ends that begins at `since` or later; -1: there is none."""
    found = _BLANK_LINE.search(stream, since)
    return -1 if found is None else found.end()


def _blank_line_end_of_plain(stream: bytearray, since: int) -> int:
    """The same where no line ends with a CR, as in nearly all streams: many times faster than a pattern."""
    found = stream.find(b"\n\n", since)
    return -1 if found == -1 else found + 2


def _data_of(raw: bytes) -> bytes:
    lines = _LINE.split(raw) if b"\r" in raw else raw.split(b"\n")
    data = (line for line in lines if line.startswith(b"data"))
    return b"\n".join(_value(line) for line in data if line[4:5] in (b":", b""))


def _value(line: bytes) -> bytes:
    return line[5:].removeprefix(b" ")
