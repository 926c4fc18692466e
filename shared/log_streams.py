"""Streams of the log that can be read apart (L13), each in a file of its own where a folder is set.

Any number of processes may append to one file: a line is one write, at the end (O_APPEND). A file that has grown past
its size is renamed to `<name>.1`, `.1` to `.2` and so on, by one process under a lock on `<name>.lock`; the others see
that the name is another file and open it anew. A line that can't be written is lost here, and only here: it stands in
the common log, and the first loss is said on stderr.
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Stream = Literal["stripe", "licenses", "subscriptions"]

FILES: dict[Stream, str] = {
    "stripe": "stripe-payment.log",
    "licenses": "license-manager.log",
    "subscriptions": "subscription-manager.log",
}
KEPT = 9
"""Files of a stream that are kept beside the one that is written."""
_OWNER_AND_GROUP = 0o640


class LogFile:
    """One file, as one process appends to it."""

    def __init__(self, path: Path, *, most_bytes: int, kept: int = KEPT) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._kept = kept
        self._file: int | None = None
        self._said = False

    def write(self, line: str) -> None:
        """Append a line. Raises nothing."""
        try:
            os.write(self._current(), f"{line}\n".encode(errors="replace"))
        except OSError as error:
            if not self._said:
                sys.stderr.write(
                    f'{{"level": "error", "event": "log_file_lost", "file": "{self._path.name}",'
                    f' "error": "{type(error).__name__}"}}\n'
                )
            self._said = True

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _current(self) -> int:
        """The file that bears the name now, with room."""
        if self._file is None or not self._bears_the_name(self._file):
            self._open()
        assert self._file is not None
        if os.fstat(self._file).st_size >= self._most_bytes:
            self._rotate()
            self._open()
        return self._file

    def _open(self) -> None:
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _OWNER_AND_GROUP)

    def _bears_the_name(self, file: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(file))
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        """Rename the files, unless another process has done so meanwhile."""
        with self._locked():
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_size < self._most_bytes:
                    return
            for number in range(self._kept, 0, -1):
                older = self._path if number == 1 else self._numbered(number - 1)
                with contextlib.suppress(FileNotFoundError):
                    older.replace(self._numbered(number))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT, _OWNER_AND_GROUP)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class Streams:
    """The files of all streams in one folder."""

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._files = {name: LogFile(folder / file, most_bytes=most_bytes) for name, file in FILES.items()}

    def write(self, stream: object, line: str) -> None:
        """Append a line to its stream's file; nothing where it is of none."""
        for name, file in self._files.items():
            if name == stream:
                file.write(line)
