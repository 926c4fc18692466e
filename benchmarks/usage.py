"""What processes use, from the operating system: CPU time and memory, by program.

A program is a name and the numbers of its processes; those below them are its own, too.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import psutil

Pids = Mapping[str, Iterable[int]]


class Meter:
    """Reads several sources of programs as one; each is asked anew, since processes may be replaced."""

    def __init__(self, *sources: Callable[[], Pids]) -> None:
        self._sources = sources

    def programs(self) -> dict[str, list[psutil.Process]]:
        found = [source() for source in self._sources]
        return {name: with_children(pids) for one in found for name, pids in one.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time of each program so far; of ended children too, as far as they were waited for."""
        return {name: sum(map(_cpu_seconds, processes)) for name, processes in self.programs().items()}

    def pss_kib(self, program: str) -> int:
        return sum(map(pss_kib, self.programs()[program]))


def with_children(pids: Iterable[int]) -> list[psutil.Process]:
    """The living of them, and all below."""
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                found.setdefault(one.pid, one)
    return list(found.values())


def pss_kib(process: psutil.Process) -> int:
    """Proportional set size, in which what is shared counts once. Linux only.

    0 for one that has just ended; being refused is an error, for a smaller sum would be a lie.
    """
    try:
        with open(f"/proc/{process.pid}/smaps_rollup") as lines:  # noqa: PTH123
            return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended_children = getattr(used, "children_user", 0.0) + getattr(used, "children_system", 0.0)
    return float(used.user + used.system + ended_children)
