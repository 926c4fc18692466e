"""The blacklist as CSV (RFC 4180, UTF-8): `kind,value,reason,source,expires_at`, of which the last three may lack.

Read as a stream: a row at a time becomes a draft or a fault, with the number of the line that it begins on.
Spreadsheets take a cell that begins with one of `=+-@` for a formula; such a cell is written with an apostrophe before
it, which is taken off again when it is read.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from services.fraud.domain.blacklist import KINDS, Draft, Listed, draft
from shared.errors import Invalid

COLUMNS = ("kind", "value", "reason", "source", "expires_at")
NEEDED = ("kind", "value")
SOURCE = "import"
"""Of a row that names none."""

MOST_ROWS = 100_000
LONGEST_LINE = 8_192
LONGEST_TEXT = 200

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line; `column` is empty where the whole line is meant. The value is never repeated."""

    line: int
    column: str
    message: str


def read(stream: TextIO, *, now: datetime) -> Iterator[Draft | Fault]:
    """Each row as a draft or a fault, in order. After a fault of the file itself (no CSV, no UTF-8, too long) nothing
    more is read; one of a row only costs that row."""
    rows = _Rows(stream)
    try:
        yield from _read(rows, now)
    except (csv.Error, UnicodeDecodeError, _TooLong) as error:
        yield Fault(rows.line, "", _told(error))


def written(entries: Iterable[Listed], *, with_header: bool) -> str:
    """Entries as CSV, which `read` takes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if with_header:
        writer.writerow(COLUMNS)
    for entry in entries:
        until = None if entry.expires_at is None else entry.expires_at.astimezone(UTC).isoformat()
        cells = (entry.kind, entry.value, entry.reason or "", entry.source, until or "")
        writer.writerow([_guarded(cell) for cell in cells])
    return text.getvalue()


class _Rows:
    """The rows that are not blank; `line` is where the one at hand begins."""

    def __init__(self, stream: TextIO) -> None:
        self._reader = csv.reader(_lines(stream), strict=True)
        self.line = 1

    def __iter__(self) -> Iterator[list[str]]:
        for cells in self._reader:
            if any(cell.strip() for cell in cells):
                yield cells
            self.line = self._reader.line_num + 1


def _read(rows: _Rows, now: datetime) -> Iterator[Draft | Fault]:
    cells = iter(rows)
    header = [cell.strip().lower() for cell in next(cells, ())]
    if fault := _fault_of_header(header):
        yield Fault(rows.line, "", fault)
        return
    for count, row in enumerate(cells, 1):
        if count > MOST_ROWS:
            yield Fault(rows.line, "", f"is past the {MOST_ROWS:,} rows that one file may have")
            return
        yield _row(header, row, line=rows.line, now=now)


class _TooLong(Exception):
    """A line that no row of ours needs."""


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise _TooLong
        yield line


def _told(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8; nothing from here on was read"
    if isinstance(error, _TooLong):
        return f"is over {LONGEST_LINE:,} characters; nothing from here on was read"
    return "is no CSV (RFC 4180), perhaps a quote that doesn't end; nothing from here on was read"


def _fault_of_header(header: Sequence[str]) -> str | None:
    for place, name in enumerate(header, 1):
        if name not in COLUMNS:
            return f"names an unknown column at place {place}; there are {', '.join(COLUMNS)}"
    if len(set(header)) != len(header):
        return "names a column twice"
    missing = [name for name in NEEDED if name not in header]
    return f"lacks the column {missing[0]}" if missing else None


def _row(header: Sequence[str], cells: Sequence[str], *, line: int, now: datetime) -> Draft | Fault:
    if len(cells) != len(header):
        return Fault(line, "", f"has {len(cells)} cells where the header has {len(header)}")
    said = {name: _plain(cell.strip()) for name, cell in zip(header, cells, strict=True)}
    kind = next((kind for kind in KINDS if kind == said["kind"]), None)
    if kind is None:
        return Fault(line, "kind", f"must be one of {', '.join(KINDS)}")
    for column in ("reason", "source"):
        if fault := _fault_of_text(said.get(column, "")):
            return Fault(line, column, fault)
    expires_at = _instant(said.get("expires_at", ""))
    if isinstance(expires_at, str):
        return Fault(line, "expires_at", expires_at)
    try:
        return draft(
            kind=kind,
            value=said["value"],
            reason=said.get("reason") or None,
            source=said.get("source") or SOURCE,
            expires_at=expires_at,
            now=now,
        )
    except Invalid as error:
        told = error.extra["errors"][0]  # type: ignore[index]
        return Fault(line, told["pointer"].removeprefix("/"), told["message"])


def _fault_of_text(cell: str) -> str | None:
    if len(cell) > LONGEST_TEXT:
        return f"must have at most {LONGEST_TEXT} characters"
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in cell):
        return "must not hold control characters"
    return None


def _instant(cell: str) -> datetime | str | None:
    """The instant, None for an empty cell, or what is wrong with it."""
    if not cell:
        return None
    wanted = "must be an RFC 3339 time, as 2027-01-31T12:00:00Z"
    try:
        instant = datetime.fromisoformat(cell)
        return wanted if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return wanted


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
