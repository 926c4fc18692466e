"""The life of one program: started, ready, dead, started again, ended.

A program that dies is started again at the same address after a pause that doubles with each death in a row
and is forgotten once it has lived for a while. One that dies before it was ever ready fails the start.
"""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import processes
from deploy.local.children import LaunchError, spawn, tail
from deploy.local.runner.console import say_event
from deploy.local.runner.programs import ROOT, Program

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
FORGIVEN_AFTER_SECONDS = 30.0
PING_SECONDS = 2.0
OK = 200


@dataclass
class Supervised:
    """A program and its present process. Times are monotonic seconds."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    is_ready: bool = False
    was_ready: bool = False
    deaths: int = 0
    start_again_at: float = 0.0

    @property
    def name(self) -> str:
        return self.program.name

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.is_ready = False
        self.process = spawn(self.program.command, log=self.log, environment=self.program.environment, folder=ROOT)

    def pids(self) -> list[int]:
        """Its process and all below it."""
        if self.process is None or self.process.poll() is not None:
            return []
        return [self.process.pid, *processes.descendants(self.process.pid)]

    def look(self) -> bool:
        """Notes what has changed and does what is due; True if the set of living processes changed."""
        if self.process is None:
            return self._start_if_due()
        status = self.process.poll()
        if status is not None:
            self._note_death(status)
            return True
        if not self.is_ready and answers_ping(self.program.ping_url):
            self._note_ready()
        return False

    def ask_to_end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """The whole group, whatever the program started in it."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _start_if_due(self) -> bool:
        if time.monotonic() < self.start_again_at:
            return False
        self.start()
        return True

    def _note_death(self, status: int) -> None:
        if not self.was_ready:
            raise LaunchError(
                f"{self.name} did not start ({describe(status)}). The end of {self.log}:\n{tail(self.log)}"
            )
        lived = time.monotonic() - self.started_at
        self.deaths = 1 if lived > FORGIVEN_AFTER_SECONDS else self.deaths + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self.deaths - 1), LONGEST_PAUSE_SECONDS)
        self.kill()
        self.process, self.is_ready = None, False
        self.start_again_at = time.monotonic() + pause
        say_event(f"{self.name} died ({describe(status)}); starting it again in {pause:.1f} s. Log: {self.log}")

    def _note_ready(self) -> None:
        self.is_ready = True
        assert self.process is not None
        if self.was_ready:
            seconds = time.monotonic() - self.started_at
            say_event(f"{self.name} is back as process {self.process.pid}, ready after {seconds:.1f} s.")
        self.was_ready = True


def run_to_end(
    programs: list[Program], logs: Path, *, seconds: float, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Runs programs side by side until all have ended well; LaunchError with the log's end for one that has not.

    `meanwhile` is called again and again while they run.
    """
    running = [_start_once(program, logs) for program in programs]
    try:
        deadline = time.monotonic() + seconds
        while any(process.poll() is None for _, process in running) and time.monotonic() < deadline:
            meanwhile()
            time.sleep(processes.POLL_SECONDS)
        for program, process in running:
            status = process.poll()
            if status != 0:
                log = logs / f"{program.name}.log"
                why = describe(status) if status is not None else f"took longer than {seconds:.0f} s"
                raise LaunchError(f"{program.name} failed ({why}). The end of {log}:\n{tail(log)}")
    finally:
        for _, process in running:
            if process.poll() is None:
                process.kill()
                process.wait()


def _start_once(program: Program, logs: Path) -> tuple[Program, subprocess.Popen[bytes]]:
    log = logs / f"{program.name}.log"
    return program, spawn(program.command, log=log, environment=program.environment, folder=ROOT)


def answers_ping(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PING_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def describe(status: int) -> str:
    """How it ended, in words: `signal SIGKILL` or `exit code 1`."""
    if status < 0:
        with suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
    return f"exit code {status}"
