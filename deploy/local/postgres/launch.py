"""The server's life: the folder taken, the cluster made if there is none, the process started and healed."""

import fcntl
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from deploy.local import ports, processes
from deploy.local.children import AS_STARTED, LaunchError, RunAs, spawn
from deploy.local.postgres.cluster import DATABASE, OWNER, create_cluster, kept_password
from deploy.local.postgres.identity import allowed_identity, own_data
from deploy.local.postgres.postmaster import end_orphan, is_ready, told_to_ignore_a_zombie
from deploy.local.postgres.programs import Programs, find_programs, program_environment
from deploy.local.server import Server, given_address

LOCK_SECONDS = 2.0

SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "2000",
}
# Safe against the death of any process, not against a loss of power: for tests.
WITHOUT_SYNC = {"fsync": "off", "full_page_writes": "off"}


@dataclass
class PostgresServer(Server):
    """A running server. After a restart its data is recovered; a halt cuts connections, what was committed stays."""

    NAME = "PostgreSQL"
    START_SECONDS = 60.0
    STOP_SECONDS = 20.0
    ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    DEFAULT_PORT = 5432

    durable: bool = True
    _programs: Programs | None = None
    _run_as: RunAs = AS_STARTED
    _password: str = field(default="", repr=False)
    _lock: IO[str] | None = None

    @classmethod
    def start(cls, folder: Path, *, durable: bool = True, log: Path | None = None) -> "PostgresServer":
        """Starts (or, with DATABASE_URL set, merely names) the server; returns once it takes connections.

        `durable=False` leaves out fsync. Call it from a thread that lives as long as the server should.
        Raises LaunchError with the mend.
        """
        folder = folder.resolve()
        log = log or folder / "postgres.log"
        given = given_address("DATABASE_URL", cls.DEFAULT_PORT)
        if given:
            return cls(folder, log, address=given, is_ours=False)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _take_lock(folder)
        try:
            server = cls(folder, log, durable=durable, _lock=lock)
            server._start_own()
            return server
        except BaseException:
            lock.close()
            raise

    @property
    def owner_url(self) -> str:
        return self.address

    def restart(self) -> None:
        if self.is_ours:
            self.halt()
            end_orphan(self._data, patience_seconds=self.STOP_SECONDS)
        super().restart()

    def stop(self) -> None:
        """Ends the server and lets go of the folder."""
        super().stop()
        if self._lock is not None:
            self._lock.close()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _start_own(self) -> None:
        self._programs = find_programs(self._data)
        self._run_as = allowed_identity(self.folder, self._programs)
        end_orphan(self._data, patience_seconds=self.STOP_SECONDS)
        self._password = kept_password(self.folder / "owner.password")
        if not (self._data / "PG_VERSION").exists():
            create_cluster(self.folder, self._programs, self._run_as, password=self._password)
        own_data(self._data, self._run_as)
        self._start_on_a_free_port()

    def _spawn(self) -> subprocess.Popen[bytes]:
        assert self._programs is not None
        settings = SETTINGS | ({} if self.durable else WITHOUT_SYNC) | {"port": str(self.port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return spawn(
            [self._programs.postgres, "-D", str(self._data), *options],
            log=self.log,
            environment=program_environment() | told_to_ignore_a_zombie(self._data),
            death_signal=signal.SIGINT,
            run_as=self._run_as,
            folder=self._data,
        )

    def _is_ready(self, pid: int) -> bool:
        return is_ready(self._data, pid)

    def _address(self) -> str:
        return f"postgresql://{OWNER}:{quote(self._password)}@{ports.LOOPBACK}:{self.port}/{DATABASE}"


def _take_lock(folder: Path) -> IO[str]:
    lock = (folder / "lock").open("a+")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                raise LaunchError(
                    f"Another process of Tollgate runs the PostgreSQL of {folder}. Stop that one, "
                    "or use another data folder (make run DATA_DIR=...)."
                ) from None
        time.sleep(processes.POLL_SECONDS)
