"""A server of our own, PostgreSQL or Redis: one process at one address, started, watched, ended, begun again.

Owns the life of the process. What the server is, what it is told and how it is known to be ready says the
class of each. A server that was given by its address is only named: it is never started or ended by us.
"""

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from deploy.local import ports, processes
from deploy.local.children import LaunchError, tail

ATTEMPTS = 3
ANSWER_SECONDS = 5.0


@dataclass
class Server(ABC):
    """A running server. Its address, which holds the password, is the same after a restart."""

    NAME: ClassVar[str]
    START_SECONDS: ClassVar[float]
    STOP_SECONDS: ClassVar[float]
    # How it is asked to end, each after STOP_SECONDS more.
    ENDING: ClassVar[tuple[signal.Signals, ...]]
    DEFAULT_PORT: ClassVar[int]

    folder: Path
    log: Path
    address: str = field(default="", repr=False)
    port: int = 0
    is_ours: bool = True
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def pid(self) -> int | None:
        """The process we started, alive or not yet waited for."""
        return self._process.pid if self._process is not None else None

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._process is not None and self._process.poll() is None else []

    def alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return not self.is_ours and answers(self.address, self.DEFAULT_PORT)

    def restart(self) -> None:
        """Starts a server that died again, at the same address."""
        if not self.is_ours:
            return
        self.halt()
        self._launch()

    def halt(self) -> None:
        """Ends the process: asked first, killed if that takes too long. One that was stopped is woken."""
        if self._process is None:
            return
        for request in self.ENDING:
            if self._process.poll() is None:
                self._process.send_signal(request)
                self._process.send_signal(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.STOP_SECONDS)
                break

    def stop(self) -> None:
        """Ends the server for good. Harmless when repeated, or for a server not ours."""
        self.halt()
        self._process = None

    def _start_on_a_free_port(self) -> None:
        """Somebody may take the port between our look and the server's: then another is tried."""
        for attempt in range(1, ATTEMPTS + 1):
            self.port = ports.free_port()
            try:
                self._launch()
            except LaunchError:
                if ports.is_free(self.port) or attempt == ATTEMPTS:
                    raise
                continue
            self.address = self._address()
            return

    def _launch(self) -> None:
        self._process = process = self._spawn()
        try:
            processes.wait_until(
                lambda: process.poll() is not None or self._is_ready(process.pid), seconds=self.START_SECONDS
            )
            if process.poll() is not None or not self._is_ready(process.pid):
                raise LaunchError(f"{self.NAME} did not start. The end of {self.log}:\n{tail(self.log)}")
        except BaseException:
            self.halt()
            raise

    @abstractmethod
    def _spawn(self) -> subprocess.Popen[bytes]:
        """Starts the process, which is to listen on `self.port`."""

    @abstractmethod
    def _is_ready(self, pid: int) -> bool:
        """True once that process takes connections."""

    @abstractmethod
    def _address(self) -> str:
        """Where it listens, password and all."""


def given_address(variable: str, default_port: int) -> str | None:
    """The address in that variable of the environment, where there is one: LaunchError if nobody answers there."""
    address = os.environ.get(variable)
    if not address:
        return None
    if not answers(address, default_port):
        raise LaunchError(
            f"{variable} is set, but nobody answers at that address. Start that server, or unset {variable} "
            "and one is started for you."
        )
    return address


def answers(address: str, default_port: int) -> bool:
    """False for what isn't an address, too."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or ports.LOOPBACK, parts.port or default_port
    except ValueError:
        return False
    return ports.answers(host, port, seconds=ANSWER_SECONDS)
