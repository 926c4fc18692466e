"""What a peer is: something else that stands before the same upstream and answers the same call.

A peer that cannot be had on this machine says why (`absent`, or `Absent` out of `start`) and is left out of the table;
that is never an error. Peers choose free ports of the loopback interface and keep what they write in a folder of their
own that is removed after the run.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Absent(Exception):
    """This peer cannot run here; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where a peer stands: before `upstream` (an origin), with a folder to itself and the stack's PostgreSQL server."""

    upstream: str
    folder: Path
    database_url: str = field(repr=False)


class Peer(Protocol):
    """One contestant beside ours."""

    name: str
    gateway: str  # which of its programs stands where our gateway does
    url: str  # what is called, once it has started

    @property
    def headers(self) -> dict[str, str]: ...

    def absent(self) -> str | None:
        """Why it cannot run here, or None. Cheap: it starts and installs nothing."""

    def start(self, place: Place) -> None:
        """Returns once it answers. Raises Absent; what had been started by then is ended by `stop`."""

    def pids(self) -> dict[str, list[int]]:
        """Its own programs."""

    def shared(self) -> tuple[str, ...]:
        """Programs of the stack that work for it, too."""

    def stop(self) -> None:
        """Ends what it started, and takes away what it made. Harmless when repeated."""
