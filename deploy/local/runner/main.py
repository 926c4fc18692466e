"""The order of it all: one runner for a folder, orphans ended, servers, schemas, programs, `stack.json`.

Everything is started from the main thread, whose end the children would notice. SIGINT, SIGTERM and SIGHUP
stop the stack in order: the public door first, then the services, what stands in for the world, Redis and
PostgreSQL last. A second signal kills what still hesitates.
"""

import argparse
import fcntl
import hashlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

from deploy.local import ports, processes
from deploy.local.children import LaunchError
from deploy.local.postgres import PostgresServer
from deploy.local.redis import RedisServer
from deploy.local.runner.console import complain, say, say_event, say_ready
from deploy.local.runner.files import read_json, write_json
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.orphans import Register
from deploy.local.runner.programs import ROOT, SERVICES, Addresses, Plan, Program
from deploy.local.runner.stack_file import StackFile, stack_content
from deploy.local.runner.story import story
from deploy.local.runner.supervisor import Supervised, run_to_end

INNER = ("billing", "licensing", "fraud", "stripe_sandbox", "demo_upstream", "mail", "smtp")
STOP_ORDER = (("gateway",), ("billing", "licensing", "fraud"), ("stripe_sandbox", "demo_upstream", "mail"))
FIRST_UNPRIVILEGED_PORT = 1024
MIGRATE_SECONDS = 180.0
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_STARTING_SECONDS = 0.05
POLL_RUNNING_SECONDS = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(BaseException):
    """Somebody asked the runner to end; like KeyboardInterrupt, no `except Exception` may swallow it."""


def run(arguments: list[str]) -> int:
    """Runs the stack until it is asked to stop. Answers the exit code; failures are told in words."""
    options = _parse(arguments)
    stack = Stack(options.data_dir.expanduser().absolute(), options.port, durable=not options.without_sync)
    stack.listen_to_signals()
    try:
        stack.start()
        stack.watch()
    except StopAsked:
        return 0
    except PermissionError as failure:
        complain(
            f"{failure}\nWas {options.data_dir} made by another user (root)? Use another folder: "
            "make run DATA_DIR=.tollgate-mine"
        )
        return 1
    except (LaunchError, OSError) as failure:
        complain(str(failure))
        return 1
    finally:
        stack.stop()
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local run", description=__doc__)
    parser.add_argument("--port", type=int, default=8082, help="the gateway's port (8082)")
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"), help="where everything is kept")
    parser.add_argument("--without-sync", action="store_true", help="no fsync: faster, for tests only")
    return parser.parse_args(arguments)


class Stack:
    """All that one runner owns."""

    def __init__(self, data: Path, port: int, *, durable: bool) -> None:
        self.data = data
        self.port = port
        self.durable = durable
        self.began_at = time.monotonic()
        self.lock: IO[str] | None = None
        self.postgres: PostgresServer | None = None
        self.redis: RedisServer | None = None
        self.supervised: list[Supervised] = []
        self.plan: Plan | None = None
        self.stack_file = StackFile(data / "stack.json")
        self.register = Register(data / "processes.json")
        self.is_stopping = False
        self.is_in_a_hurry = False
        self.written: dict[str, Any] = {}
        self.alarm, self._alarm_sender = socket.socketpair()

    # Start.

    def start(self) -> None:
        self._take_folder()
        self._end_orphans()
        self._require_port()
        processes.adopt_orphans()
        say(f"Tollgate, data in {self.data}, each program's log in logs/ there.")
        self._start_servers()
        self.plan = self._make_plan()
        self._start_programs(self.plan)
        self._write_files()
        self._greet()

    def _take_folder(self) -> None:
        """The folder may be entered by all (PostgreSQL may have to be another user); its files may not."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o711)
        lock = (self.data / "runner.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise LaunchError(
                f"Another runner (process {holder}) already runs the stack of {self.data}. Stop that one "
                "(Ctrl-C), or start a second stack beside it: make run PORT=9000 DATA_DIR=.tollgate-9000"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self.lock = lock

    def _end_orphans(self) -> None:
        self.stack_file.remove()
        ended = self.register.end_all()
        if ended:
            say(f"An earlier runner was killed; ended what it left: {', '.join(ended)}.")

    def _require_port(self) -> None:
        if self.port < FIRST_UNPRIVILEGED_PORT and os.geteuid() != 0:
            raise LaunchError(f"Port {self.port} is for root only. Choose a higher one: make run PORT=8082")
        if ports.answers(ports.LOOPBACK, self.port) or not ports.is_free(self.port):
            another = 9000 if self.port != 9000 else 9001
            raise LaunchError(
                f"Port {self.port} is taken by another program. End that program, or choose another port: "
                f"make run PORT={another}"
            )

    def _start_servers(self) -> None:
        logs = self.data / "logs"
        for old in sorted(logs.glob("*.log")):
            old.replace(old.with_suffix(".log.1"))
        is_first = not (self.data / "postgres" / "data").exists()
        if is_first and not os.environ.get("DATABASE_URL"):
            say("  Setting up the database; this is done once.")
        began_at = time.monotonic()
        self.postgres = PostgresServer.start(self.data / "postgres", durable=self.durable, log=logs / "postgres.log")
        say_ready("postgres", time.monotonic() - began_at)
        began_at = time.monotonic()
        self.redis = RedisServer.start(self.data / "redis", log=logs / "redis.log")
        say_ready("redis", time.monotonic() - began_at)
        self._write_register()

    def _make_plan(self) -> Plan:
        assert self.postgres is not None
        assert self.redis is not None
        addresses = Addresses(self.port, self._inner_ports())
        keyring = open_keyring(self.data / "secrets.json", list(SERVICES))
        return Plan(self.data, addresses, keyring, self.postgres.owner_url, self.redis.url)

    def _inner_ports(self) -> dict[str, int]:
        """Those of the last time where they are still free, so that addresses in mails stay good."""
        file = self.data / "ports.json"
        kept = read_json(file) or {}
        chosen: dict[str, int] = {}
        for name in INNER:
            before = kept.get(name)
            taken = {*chosen.values(), self.port}
            if isinstance(before, int) and before not in taken and ports.is_free(before):
                chosen[name] = before
            else:
                chosen[name] = self._another_port(taken)
        write_json(file, chosen)
        return chosen

    def _another_port(self, taken: set[int]) -> int:
        while (port := ports.free_port()) in taken:
            continue
        return port

    def _start_programs(self, plan: Plan) -> None:
        """The schemas first; meanwhile what needs none of them already starts."""
        self.supervised = [Supervised(one, self.data / "logs" / f"{one.name}.log") for one in plan.programs()]
        needs_schema = set(SERVICES)
        self._start_those(lambda one: one.name not in needs_schema)
        self._migrate(plan)
        self._start_those(lambda one: one.name in needs_schema)
        seed = plan.seed()
        if seed is not None:
            self._run_to_end([seed])
        self._wait_until_ready()

    def _start_those(self, wanted: Callable[[Supervised], bool]) -> None:
        for one in filter(wanted, self.supervised):
            one.start()
        self._write_register()

    def _migrate(self, plan: Plan) -> None:
        """Skipped when this very database has had these very migrations: it costs a start two seconds."""
        began_at = time.monotonic()
        stamp = self.data / "migrated.json"
        state = _state_of_migrations(plan)
        if read_json(stamp) == state:
            return
        stamp.unlink(missing_ok=True)
        migrations = plan.migrations()
        self._run_to_end(migrations)
        if migrations:
            say_ready("schemas", time.monotonic() - began_at)
        if self.postgres is not None and self.postgres.pids:
            write_json(stamp, state)

    def _run_to_end(self, programs: list[Program]) -> None:
        run_to_end(programs, self.data / "logs", seconds=MIGRATE_SECONDS, meanwhile=self._show_who_is_ready)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not all(one.is_ready for one in self.supervised):
            self._show_who_is_ready()
            if time.monotonic() > deadline:
                late = ", ".join(one.name for one in self.supervised if not one.is_ready)
                raise LaunchError(f"Not ready after {READY_SECONDS:.0f} s: {late}. Logs: {self.data / 'logs'}")
            time.sleep(POLL_STARTING_SECONDS)

    def _show_who_is_ready(self) -> None:
        for one in self.supervised:
            if one.started_at > 0 and not one.is_ready:
                one.look()
                if one.is_ready:
                    say_ready(one.name, time.monotonic() - one.started_at, one.program.url)

    def _greet(self) -> None:
        assert self.plan is not None
        seconds = time.monotonic() - self.began_at
        gateway = self.plan.addresses.url("gateway")
        operator = self.plan.operator
        say(f"\nReady after {seconds:.1f} s. Ctrl-C stops everything; `make demo` tells the story below.\n")
        say(f"  Gateway        {gateway}   (API: {gateway}/docs)")
        for one in self.supervised:
            if one.name == "mail":
                say(f"  Mail           {one.program.url}")
        say(f"  Operator       {operator['email']}, password {operator['password']}")
        say(f"  All addresses  {self.stack_file.file}\n")
        say(story(gateway))
        say()

    # Life.

    def watch(self) -> None:
        """Until a signal: notices deaths at once (SIGCHLD rings), and looks anyway every second."""
        while True:
            changed = self._heal_servers()
            for one in self.supervised:
                changed = one.look() or changed
            if self._write_files() or changed:
                self._write_register()
            processes.reap_orphans(self._own_pids())
            self._rest()

    def _rest(self) -> None:
        is_calm = all(one.is_ready for one in self.supervised)
        select.select([self.alarm], [], [], POLL_RUNNING_SECONDS if is_calm else POLL_STARTING_SECONDS)
        with suppress(BlockingIOError):
            self.alarm.recv(4096)

    def _heal_servers(self) -> bool:
        """True if one was dead and is back; one that fails to come back is tried again at the next look."""
        assert self.postgres is not None
        assert self.redis is not None
        healed = False
        for name, server in (("postgres", self.postgres), ("redis", self.redis)):
            if server.alive() or not server.is_ours:
                continue
            say_event(f"{name} died; starting it again. Log: {server.log}")
            began_at = time.monotonic()
            try:
                server.restart()
            except LaunchError as failure:
                say_event(f"{name} could not be started again: {failure}")
                time.sleep(POLL_RUNNING_SECONDS)
                continue
            say_event(f"{name} is back after {time.monotonic() - began_at:.1f} s.")
            healed = True
        return healed

    # What is written down.

    def _write_register(self) -> None:
        pids = {one.name: one.pids() for one in self.supervised}
        if self.redis is not None:
            pids["redis"] = self.redis.pids
        self.register.write(pids)

    def _write_files(self) -> bool:
        """`stack.json`, if it would say something new; True if it did."""
        assert self.plan is not None
        assert self.postgres is not None
        assert self.redis is not None
        services: dict[str, dict[str, Any]] = {
            one.name: {"url": one.program.url, "pids": one.pids()} for one in self.supervised
        }
        services |= {"postgres": {"pids": self.postgres.pids}, "redis": {"pids": self.redis.pids}}
        content = stack_content(
            gateway=self.plan.addresses.url("gateway"),
            services=services,
            database_url=self.postgres.owner_url,
            redis_url=self.redis.url,
            operator=self.plan.operator,
            stripe_webhook_secret=self.plan.stripe_webhook_secret,
        )
        if content == self.written:
            return False
        self.stack_file.write(content)
        self.written = content
        return True

    def _own_pids(self) -> list[int]:
        own = [one.process.pid for one in self.supervised if one.process is not None]
        servers = [server for server in (self.postgres, self.redis) if server is not None]
        return own + [server.pid for server in servers if server.pid is not None]

    # End.

    def listen_to_signals(self) -> None:
        for one in SIGNALS:
            signal.signal(one, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for end in (self.alarm, self._alarm_sender):
            end.setblocking(False)
        signal.set_wakeup_fd(self._alarm_sender.fileno(), warn_on_full_buffer=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.is_stopping:
            self.is_in_a_hurry = True
            return
        self.is_stopping = True
        raise StopAsked

    def stop(self) -> None:
        """In order, and whatever the start had reached; `stack.json` goes first, for it says `it answers`."""
        self.is_stopping = True
        if self.lock is None:
            return
        say("\nStopping.")
        self.stack_file.remove()
        for names in STOP_ORDER:
            self._stop_those([one for one in self.supervised if one.name in names])
        for server in (self.redis, self.postgres):
            if server is not None:
                server.stop()
        self.register.clear()
        processes.reap_orphans([])
        self.lock.close()
        say("Everything is stopped; the data stays in " + str(self.data) + ".")

    def _stop_those(self, group: list[Supervised]) -> None:
        for one in group:
            one.ask_to_end()
        deadline = time.monotonic() + STOP_SECONDS
        while not all(one.has_ended() for one in group):
            if self.is_in_a_hurry or time.monotonic() > deadline:
                late = [one.name for one in group if not one.has_ended()]
                say(f"Killing what does not end: {', '.join(late)}.")
                break
            time.sleep(processes.POLL_SECONDS)
        for one in group:
            one.kill()


def _state_of_migrations(plan: Plan) -> dict[str, str]:
    """What decides whether there is anything to migrate: the files, the database, the roles' passwords."""
    content = hashlib.sha256()
    for folder in (ROOT / "services", ROOT / "shared"):
        for file in sorted(folder.rglob("migrations/**/*.py")):
            content.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    for program in plan.migrations():
        service = program.name.removeprefix("migrate-")
        content.update(plan.keyring.of(service, "database_password").encode())
    identity = plan.data / "postgres" / "data" / "PG_VERSION"
    made_at = str(identity.stat().st_mtime_ns) if identity.exists() else "elsewhere"
    return {"files": content.hexdigest(), "database": made_at}


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
