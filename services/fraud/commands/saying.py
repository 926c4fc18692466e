"""How a command tells where it is, and how it ends."""

import sys
import threading
import time
from types import TracebackType

EXIT_BAD_DATA = 65
"""EX_DATAERR of sysexits.h."""
EXIT_UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h."""
_SECONDS_BETWEEN = 5.0


class Progress:
    """Says on stderr what is being done: at a terminal in one line that changes, elsewhere every few seconds, also
    while a step says nothing itself."""

    def __init__(self) -> None:
        self._doing = ""
        self._began = time.monotonic()
        self._over = threading.Event()
        self._is_terminal = sys.stderr.isatty()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __call__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")

    def _tell(self) -> None:
        while not self._over.wait(0.2 if self._is_terminal else _SECONDS_BETWEEN):
            seconds = f"{time.monotonic() - self._began:.0f} s"
            line = f"{seconds}: {self._doing}"
            sys.stderr.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
            sys.stderr.flush()


def end(message: str, code: int) -> SystemExit:
    """To be raised: says why, and ends with the code."""
    sys.stderr.write(message + "\n")
    return SystemExit(code)
