"""Several processes on one port: a parent that answers nothing and keeps so many children answering.

Each child binds the port for itself (SO_REUSEPORT), so the kernel shares new connections out among the living, and what
one process has accepted no other sees. A child that dies is replaced after a pause that doubles. SIGTERM or SIGINT ends
the children in good order, a second one at once. The parent's end is theirs, even by SIGKILL: each holds one end of a
pipe whose other end the parent alone has open. A child that can't start ends all of it, unless one has ever started.
"""

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from shared.telemetry import logger

PATIENCE_SECONDS = 29.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
FORGIVEN_AFTER_SECONDS = 30.0
_REST_SECONDS = 1.0
_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

Serve = Callable[[int, Callable[[], None]], None]
"""What a child does, given its number (from 0) and what to call once it answers; it returns when it has stopped."""


def bound_with_others(host: str, port: int) -> socket.socket:
    """A socket at an address that processes of ours share."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(address)
    return made


class Processes:
    """The parent. Monotonic seconds."""

    def __init__(self, count: int, serve: Serve) -> None:
        self._serve = serve
        self._children: dict[int, tuple[int, float]] = {}
        self._due = dict.fromkeys(range(count), 0.0)
        self._deaths = 0
        self._signals = 0
        self._stop_by: float | None = None
        self._failure: int | None = None
        self._was_ready = False
        self._life, self._life_of_parent = os.pipe()
        self._ready, self._tell_ready = os.pipe()
        self._alarm, self._ringer = socket.socketpair()

    def run(self) -> int:
        """Until everything has ended; the exit code."""
        gc.freeze()
        os.set_blocking(self._ready, False)
        for end in (self._alarm, self._ringer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        for number in _HEARD:
            signal.signal(number, self._hear)
        while self._children or self._stop_by is None:
            self._start_due()
            self._rest()
            self._reap()
            self._stop_if_asked()
        return self._failure or 0

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number != signal.SIGCHLD:
            self._signals += 1

    def _rest(self) -> None:
        """Until something happens, or something is due."""
        next_due = min(self._due.values(), default=time.monotonic() + _REST_SECONDS)
        seconds = min(max(next_due - time.monotonic(), 0), _REST_SECONDS)
        select.select([self._alarm.fileno(), self._ready], [], [], seconds)
        with suppress(BlockingIOError):
            self._alarm.recv(4096)
        with suppress(BlockingIOError):
            self._was_ready = bool(os.read(self._ready, 4096)) or self._was_ready

    def _start_due(self) -> None:
        if self._stop_by is not None:
            return
        for number in [number for number, at in self._due.items() if at <= time.monotonic()]:
            del self._due[number]
            self._children[self._fork(number)] = number, time.monotonic()

    def _fork(self, number: int) -> int:
        """No signal may reach the child while it still has the parent's ears."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        pid = os.fork()
        if pid == 0:
            self._live(number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        return pid

    def _live(self, number: int) -> None:
        """The child's whole life."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for heard in _HEARD:
                signal.signal(heard, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
            os.close(self._life_of_parent)
            threading.Thread(target=_end_with_parent, args=(self._life,), daemon=True).start()
            self._serve(number, self._say_ready)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing of a child may run on into the parent's code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _say_ready(self) -> None:
        os.write(self._tell_ready, b".")

    def _reap(self) -> None:
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._note_end(pid, os.waitstatus_to_exitcode(status))

    def _note_end(self, pid: int, status: int) -> None:
        number, began = self._children.pop(pid)
        if self._stop_by is not None:
            return
        if not self._was_ready:
            self._failure = status if status > 0 else 1
            self._stop()
            return
        self._deaths = 1 if time.monotonic() - began > FORGIVEN_AFTER_SECONDS else self._deaths + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._deaths - 1), LONGEST_PAUSE_SECONDS)
        self._due[number] = time.monotonic() + pause
        logger.warning("process_died", pid=pid, status=status, again_in_seconds=pause)

    def _stop_if_asked(self) -> None:
        if self._signals and self._stop_by is None:
            self._stop()
        elif self._signals > 1 or (self._stop_by is not None and time.monotonic() > self._stop_by):
            self._signal(signal.SIGKILL)

    def _stop(self) -> None:
        self._due.clear()
        self._stop_by = time.monotonic() + PATIENCE_SECONDS
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _end_with_parent(life: int) -> None:
    """Returns when the parent is gone: nobody ever writes here."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
