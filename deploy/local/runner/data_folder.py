"""The folder that holds all of one stack, and the lock that makes it one runner's own.

The folder may be entered by all (PostgreSQL may have to be another user); what is in it may not be read.
"""

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deploy.local.children import LaunchError


@dataclass
class DataFolder:
    path: Path
    _lock: IO[str] | None = field(default=None, init=False, repr=False)

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def is_taken(self) -> bool:
        """By us."""
        return self._lock is not None

    def take(self) -> None:
        """Makes it, if need be. LaunchError if another runner has it or it can't be a folder."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711)
            self.logs.mkdir(exist_ok=True)
            self.logs.chmod(0o700)
        except (FileExistsError, NotADirectoryError) as failure:
            raise LaunchError(
                f"{failure.filename} is no folder, so nothing can be kept there. Choose another: "
                "make run DATA_DIR=.tollgate-mine"
            ) from None
        self._lock = _locked(self.path / "runner.lock", self.path)

    def let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
        self._lock = None

    def put_old_logs_aside(self) -> None:
        """The last run's, each as `.log.1`; those of the run before are gone."""
        for old in sorted(self.logs.glob("*.log")):
            old.replace(old.with_suffix(".log.1"))


def _locked(file: Path, folder: Path) -> IO[str]:
    """The lock file, which holds our number as long as the lock is ours."""
    lock = file.open("a+")
    file.chmod(0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise LaunchError(
            f"Another runner (process {holder}) already runs the stack of {folder}. Stop that one "
            "(Ctrl-C), or start a second stack beside it: make run PORT=9000 DATA_DIR=.tollgate-9000"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
