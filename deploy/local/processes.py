"""What the operating system says about a process: is it there, is it the one we mean, end it.

A process is named by its id and its start time, since ids are used again. A zombie counts as gone: nothing
of it is left but its entry. Linux is read through /proc, other systems through `ps`.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LINUX = sys.platform.startswith("linux")
PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class ProcessId:
    """One process for good: `started` tells it from a later one that got the same number."""

    pid: int
    started: str


def identify(pid: int) -> ProcessId | None:
    """The living process of that number, or None where there is none (or only a zombie)."""
    started = _started_on_linux(pid) if LINUX else _started_by_ps(pid)
    return ProcessId(pid, started) if started else None


def is_running(process: ProcessId) -> bool:
    return identify(process.pid) == process


def end(process: ProcessId, *, patience_seconds: float, first: signal.Signals = signal.SIGTERM) -> None:
    """Asks with `first`, insists with SIGKILL after the patience is used up, returns once it is gone.

    One that was stopped (SIGSTOP) is woken, or it would never hear.
    """
    for request in (first, signal.SIGKILL):
        if not is_running(process):
            return
        with suppress(ProcessLookupError):
            os.kill(process.pid, request)
            os.kill(process.pid, signal.SIGCONT)
        if wait_until(lambda: not is_running(process), seconds=patience_seconds):
            return


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Polls until the condition holds; False if it didn't in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def command_line(pid: int) -> str:
    """Program and arguments, a space after each; empty where the process is gone or not ours to see."""
    if LINUX:
        with suppress(OSError):
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        return ""
    return _ps(pid, "command=") + " "


def adopt_orphans() -> None:
    """Makes this process the parent of its grandchildren whose parent died (Linux), so it can wait for them.

    Where process 1 waits for nobody, as in many containers, they would stay zombies for ever.
    """
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(own_children: Iterable[int]) -> None:
    """Waits for ended processes that were adopted; those in `own_children` are left to their `Popen`."""
    if not LINUX:
        return
    own = set(own_children)
    for pid in _children_of(os.getpid()):
        if pid not in own:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _children_of(parent: int) -> list[int]:
    if not LINUX:
        return _children_by_ps(parent)
    found: list[int] = []
    for listing in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(pid) for pid in listing.read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below that one; without it."""
    below: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children_of(waiting.pop())
        below += children
        waiting += children
    return below


def _started_on_linux(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    state, start_ticks = fields[0], fields[19]
    return "" if state in "ZX" else f"{boot}:{start_ticks}"


def _started_by_ps(pid: int) -> str:
    state, _, started = _ps(pid, "stat=", "lstart=").partition(" ")
    return "" if state.startswith("Z") else started.strip()


def _children_by_ps(parent: int) -> list[int]:
    command = ["/bin/ps", "-A", "-o", "pid=", "-o", "ppid="]
    table = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    pairs = [line.split() for line in table.splitlines()]
    return [int(pair[0]) for pair in pairs if pair[1:] == [str(parent)]]


def _ps(pid: int, *columns: str) -> str:
    wanted = [word for column in columns for word in ("-o", column)]
    command = ["/bin/ps", "-ww", *wanted, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
