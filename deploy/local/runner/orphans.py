"""Processes that a killed runner left behind: recorded while it lived, found and ended by the next one.

A recorded number alone proves nothing, for numbers are used again: the start time must fit too.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local import processes
from deploy.local.processes import ProcessId
from deploy.local.runner.files import read_json, write_json

PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Register:
    """The file that names the stack's living processes."""

    file: Path

    def write(self, pids_by_name: dict[str, list[int]]) -> None:
        found = [(name, processes.identify(pid)) for name, pids in pids_by_name.items() for pid in pids]
        records = [{"name": name, "pid": one.pid, "started": one.started} for name, one in found if one]
        write_json(self.file, records)

    def clear(self) -> None:
        self.file.unlink(missing_ok=True)

    def end_all(self) -> list[str]:
        """Ends those recorded that still run, and answers their names. The caller holds the runner's lock."""
        recorded = read_json(self.file) or []
        found = [(record["name"], ProcessId(record["pid"], record["started"])) for record in recorded]
        left = [(name, process) for name, process in found if processes.is_running(process)]
        _ask(process for _, process in left)
        for _, process in left:
            processes.end(process, patience_seconds=PATIENCE_SECONDS)
        self.clear()
        return sorted({name for name, _ in left})


def _ask(left: Iterable[ProcessId]) -> None:
    """All at once first, so that their patience runs at the same time."""
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
            os.kill(process.pid, signal.SIGCONT)
