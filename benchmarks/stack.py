"""The running stack: its addresses, and the numbers of its processes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.usage import Meter


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

    @property
    def database_url(self) -> str:
        return str(self.content["database_url"])

    def url(self, name: str) -> str:
        return str(self.content["services"][name]["url"])

    def pids(self) -> dict[str, list[int]]:
        return {name: service["pids"] for name, service in self.content["services"].items()}

    @property
    def meter(self) -> Meter:
        return Meter(self.pids)


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
