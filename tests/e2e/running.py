"""A whole stack of one's own: the runner of `make run` as a subprocess, found by its `stack.json`."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local import ports
from tests.e2e.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 100.0
STOP_SECONDS = 60.0
SERVED = ("gateway", "billing", "licensing", "fraud", "stripe_sandbox", "demo_upstream", "mail")
# Holds end soon after their route's timeout, so that a test can wait for it. All else is as it is shipped.
SETTINGS = {"HOLD_MARGIN_MS": "3000"}


@dataclass
class Running:
    """The stack of one runner. `stack()` is read anew each time, for a process that died has another number."""

    data: Path
    runner: subprocess.Popen[str]
    said: Path

    def stack(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.data / "stack.json").read_text())
        return content

    @property
    def gateway(self) -> str:
        return str(self.stack()["gateway"])

    def url(self, name: str) -> str:
        return str(self.stack()["services"][name]["url"])

    def pids(self, name: str) -> list[int]:
        """Its living processes, of those that `stack.json` knows."""
        return [pid for pid in self.stack()["services"][name]["pids"] if _lives(pid)]

    def kill(self, name: str) -> None:
        """`kill -9` of all its processes at once."""
        for pid in self.pids(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait_until_replaced(self, name: str, gone: list[int], *, seconds: float) -> None:
        """Until none of the old processes lives and `stack.json` names new ones."""

        def replaced() -> bool:
            now = self.pids(name)
            return bool(now) and not set(now) & set(gone) and not any(map(_lives, gone))

        eventually(replaced, seconds=seconds, what=f"{name} is another process")

    def wait_until_well(self, *, seconds: float) -> None:
        """Until every program answers and the gateway says that all of it works."""
        eventually(self.is_well, seconds=seconds, what=f"the stack is well; it said:\n{self.tail()}")

    def is_well(self) -> bool:
        with suppress(OSError, ValueError, httpx.TransportError), httpx.Client(trust_env=False, timeout=2) as client:
            served = self.stack()["services"]
            pings = [client.get(f"{served[name]['url']}/ping").status_code for name in SERVED]
            return set(pings) == {200} and client.get(f"{self.gateway}/health").json()["status"] == "ok"
        return False

    def tail(self) -> str:
        return "\n".join(self.said.read_text().splitlines()[-30:])

    def stop(self) -> None:
        """By its own number; the runner ends what it started."""
        if self.runner.poll() is None:
            self.runner.send_signal(signal.SIGTERM)
        try:
            self.runner.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.runner.kill()
            self.runner.wait()


def start(folder: Path) -> Running:
    """A stack on free ports, once it answers."""
    folder.chmod(0o711)
    data, said = folder / "data", folder / "said.txt"
    command = [sys.executable, "-m", "deploy.local", "run", "--without-sync"]
    with said.open("w") as output:
        runner = subprocess.Popen(
            [*command, f"--port={ports.free_port()}", f"--data-dir={data}"],
            cwd=ROOT,
            env={**os.environ, **SETTINGS},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Running(data, runner, said)
    try:
        _wait_for_file(running)
    except BaseException:
        running.stop()
        raise
    return running


def _wait_for_file(running: Running) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (running.data / "stack.json").exists():
        assert running.runner.poll() is None, f"the stack did not start:\n{running.tail()}"
        assert time.monotonic() < deadline, f"the stack took too long:\n{running.tail()}"
        time.sleep(0.1)


def _lives(pid: int) -> bool:
    """A zombie is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
