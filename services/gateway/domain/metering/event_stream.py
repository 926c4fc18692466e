"""Server-sent events, cut into whole events as their bytes come (WHATWG HTML, section 9.2).

`feed` gives back every byte exactly once and in order: an event's `raw` bytes with the blank line that ends it.
"""

import re
from typing import NamedTuple

_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LINE = re.compile(rb"\r\n|\n|\r")
MAX_EVENT_BYTES = 1 << 20
LAST_PART_BYTES = 64 * 1024
_LONGEST_BREAK = 4


class Event(NamedTuple):
    """`raw` as it came; `data` its data lines joined, or None of one that is too long and comes in parts: all but the
    last say that it does not end yet. A tuple, since a stream makes one for every few bytes of text."""

    raw: bytes
    data: bytes | None
    ends: bool = True


class EventCutter:
    """Holds the beginning of an event until its end has come, up to `MAX_EVENT_BYTES`; longer ones pass in parts, and
    the last part has `LAST_PART_BYTES` at least, so that whoever keeps it back keeps the event from ending."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._searched = 0
        self._has_returns = False
        self._oversized = False

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes. Its time is that of the piece, however much waits already."""
        self._waiting += piece
        events = []
        self._has_returns = self._has_returns or b"\r" in piece
        blank_line_end = _blank_line_end if self._has_returns else _blank_line_end_of_plain
        while (end := blank_line_end(self._waiting, self._searched)) != -1:
            events.append(self._cut(end))
        self._searched = max(0, len(self._waiting) - _LONGEST_BREAK)
        if not self._waiting:
            self._has_returns = False
        if len(self._waiting) > MAX_EVENT_BYTES:
            events.append(self._part())
        return events

    def rest(self) -> Event | None:
        """What is left at the stream's end: an event without its blank line."""
        return self._cut(len(self._waiting)) if self._waiting else None

    def _cut(self, end: int) -> Event:
        raw = bytes(self._waiting[:end])
        del self._waiting[:end]
        self._searched = 0
        whole, self._oversized = not self._oversized, False
        return Event(raw, _data_of(raw) if whole else None)

    def _part(self) -> Event:
        end = len(self._waiting) - LAST_PART_BYTES
        raw = bytes(self._waiting[:end])
        del self._waiting[:end]
        self._searched = LAST_PART_BYTES - _LONGEST_BREAK
        self._oversized = True
        return Event(raw, None, ends=False)


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
    data = [_value(line) for line in lines if line.startswith(b"data") and line[4:5] in (b":", b"")]
    return data[0] if len(data) == 1 else b"\n".join(data)


def _value(line: bytes) -> bytes:
    return line[5:].removeprefix(b" ")
