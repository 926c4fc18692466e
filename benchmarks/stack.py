"""The running stack: its addresses, and what its processes use, from the operating system."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil


class NoStack(Exception):
    """Nothing to measure; the text says what to do."""


@dataclass(frozen=True)
class Stack:
    """`stack.json` as it is now: processes may have been replaced since the last look."""

    file: Path

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.file.read_text())
        return content

    @property
    def gateway(self) -> str:
        return str(self.content["gateway"])

    def url(self, name: str) -> str:
        return str(self.content["services"][name]["url"])

    def programs(self) -> dict[str, list[psutil.Process]]:
        """Each program's living processes, those below them too."""
        services = self.content["services"]
        return {name: list(_with_children(service["pids"])) for name, service in services.items()}

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time of each program so far; of ended children too, as far as they were waited for."""
        return {name: sum(map(_cpu_seconds, found)) for name, found in self.programs().items()}


def find_stack(data: Path) -> Stack:
    stack = Stack(data / "stack.json")
    try:
        httpx.get(f"{stack.gateway}/ping", timeout=5, trust_env=False)
    except (OSError, ValueError, httpx.TransportError) as error:
        raise NoStack(
            f"No stack answers for {data} ({type(error).__name__}). Start one with `make run` and wait until it is "
            "ready; one of another folder is measured with `make bench DATA_DIR=...`."
        ) from None
    return stack


def _with_children(pids: Iterable[int]) -> Iterable[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                found.setdefault(one.pid, one)
    return found.values()


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended_children = getattr(used, "children_user", 0.0) + getattr(used, "children_system", 0.0)
    return float(used.user + used.system + ended_children)
