"""Programs that a benchmark starts: tied to it by their life, ended by their own number, waited for by their port."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from deploy.local.children import LaunchError, spawn, tail

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".bench"
START_SECONDS = 30.0
STOP_SECONDS = 5.0


@dataclass
class Started:
    """One child process (and what it starts itself). It ends when we do."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def program(cls, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> "Started":
        return cls(spawn(command, log=log, environment=environment, folder=ROOT), log)

    @property
    def pids(self) -> list[int]:
        return [self.process.pid] if self.process.poll() is None else []

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_until_it_answers(started: Started, port: int) -> None:
    """Until it accepts connections; LaunchError with the end of its log if it won't."""
    deadline = time.monotonic() + START_SECONDS
    while not ports.answers(ports.LOOPBACK, port):
        if started.process.poll() is not None or time.monotonic() > deadline:
            raise LaunchError(f"It does not answer. The end of {started.log}:\n{tail(started.log)}")
        time.sleep(0.05)


@dataclass
class Upstream:
    """`benchmarks/upstream.py` as a process."""

    origin: str
    started: Started

    @property
    def pids(self) -> list[int]:
        return self.started.pids


@contextmanager
def running_upstream(folder: Path) -> Iterator[Upstream]:
    port = ports.free_port()
    command = [sys.executable, "-m", "benchmarks.upstream", "--port", str(port)]
    started = Started.program(command, log=folder / "upstream.log")
    try:
        wait_until_it_answers(started, port)
        yield Upstream(f"http://{ports.LOOPBACK}:{port}", started)
    finally:
        started.stop()
