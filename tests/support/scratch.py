"""Where tests put their files: in memory, where the machine has a folder of that kind with room enough.

A database is made and dropped there for a quarter of the CPU. Elsewhere (macOS, a container's small /dev/shm, one that
forbids programs) the system's temporary folder serves, as it does where TMPDIR names one. Whoever takes a folder holds
its lock and removes it at the end; what a killed process left is removed by the next one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")  # noqa: S108
PREFIX = "tollgate-tests-"
LOCK = "lock"
ROOM_BYTES = 4 * 2**30


@contextlib.contextmanager
def folder(memory: Path = MEMORY) -> Iterator[Path | None]:
    """A folder in memory, in which this process and its children make their temporary files meanwhile."""
    if "TMPDIR" in os.environ or not _has_room(memory):
        yield None
        return
    _remove_what_the_dead_left(memory)
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory))
    made.chmod(0o711)  # where root must run PostgreSQL as another user, that user enters here
    with (made / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.environ["TMPDIR"], tempfile.tempdir = str(made), None
        try:
            yield made
        finally:
            del os.environ["TMPDIR"]
            tempfile.tempdir = None
            shutil.rmtree(made, ignore_errors=True)


def _has_room(memory: Path) -> bool:
    try:
        found = os.statvfs(memory)
    except OSError:
        return False
    free = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    return not found.f_flag & getattr(os, "ST_NOEXEC", 0) and os.access(memory, os.W_OK) and free > ROOM_BYTES


def _remove_what_the_dead_left(memory: Path) -> None:
    for left in memory.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (left / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
