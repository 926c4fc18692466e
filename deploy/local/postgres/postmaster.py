"""Who serves a data folder: read from PostgreSQL's own lock file, `postmaster.pid`, and from the processes.

With the launcher's lock ours, a postmaster in our data folder can only be the orphan of a launcher that was
killed: it is ended before another starts. A server anywhere else is never touched. A lock file left by a
killed postmaster is PostgreSQL's own matter, but for one case: where process 1 waits for nobody, the dead
postmaster stays a zombie that PostgreSQL takes for alive. It is then told to ignore that one id, the way
`pg_ctl` tells it to ignore its parent, which keeps its check of the shared memory.
"""

import signal
from pathlib import Path

from deploy.local import processes


def end_orphan(data: Path, *, patience_seconds: float) -> None:
    """Ends a postmaster that a killed launcher left in our data folder; the caller holds the lock."""
    pid = _locked_by(data)
    orphan = processes.identify(pid) if pid else None
    if orphan is None or not _serves(orphan.pid, data):
        return
    processes.end(orphan, patience_seconds=patience_seconds, first=signal.SIGINT)


def is_ready(data: Path, pid: int) -> bool:
    """As pg_ctl tells it: the eighth line of our own lock file says so."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def told_to_ignore_a_zombie(data: Path) -> dict[str, str]:
    """What is added to the environment for the id in a left lock file, unless a postmaster really lives there.

    It may be a dead postmaster that nobody waited for, or a stranger that got its number.
    """
    pid = _locked_by(data)
    return {"PG_GRANDPARENT_PID": str(pid)} if pid and not _serves(pid, data) else {}


def _locked_by(data: Path) -> int | None:
    try:
        return abs(int((data / "postmaster.pid").read_text().splitlines()[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """True if that process is a living postmaster of this data folder."""
    if processes.identify(pid) is None:
        return False
    command = processes.command_line(pid)
    return "postgres" in command and f"-D {data} " in command
