"""A checkout in miniature: the real runner, with services of a few lines in the places of the real ones.

What the runner does is proved with these in seconds; that it starts the real services, the tests of the
whole stack show.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
NOT_COPIED = shutil.ignore_patterns("__pycache__", "demo_upstream", "mail_catcher")

SERVICE = """
import http.server, json, os, sys, time
from pathlib import Path

name, verb = Path(__file__).parent.name, sys.argv[1]
with open(os.environ["TMPDIR"] + f"/{name}.{verb}.json", "w") as seen:
    json.dump(dict(os.environ), seen)
if verb != "serve":
    sys.exit(int(os.environ.get("EXIT_CODE", 0)))
if os.environ.get("REFUSE_TO_START"):
    sys.exit("the reason why it won't start")

class Ping(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ping" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Ping).serve_forever()
"""
SETTINGS = """
class Settings:
    refuse_to_start: bool = False
    exit_code: int = 0
"""


@dataclass
class Checkout:
    """A folder with the runner and its fake services; ends what it started."""

    folder: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def stack_file(self) -> Path:
        return self.data / "stack.json"

    def run(self, port: int, **environment: str) -> subprocess.Popen[str]:
        runner = subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "run", "--port", str(port), "--data-dir", str(self.data)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.folder), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(runner)
        return runner

    def run_until_ready(self, port: int, **environment: str) -> dict[str, Any]:
        runner = self.run(port, **environment)
        eventually(lambda: self.stack_file.exists() or runner.poll() is not None)
        if runner.poll() is not None:
            raise AssertionError(said(runner))
        return self.stack()

    def stack(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.stack_file.read_text())
        return content

    def seen_by(self, service: str, verb: str) -> dict[str, str]:
        """The environment that a fake service was given."""
        content: dict[str, str] = json.loads((self.folder / f"{service}.{verb}.json").read_text())
        return content

    def close(self) -> None:
        for runner in self.started:
            if runner.poll() is None:
                runner.send_signal(signal.SIGTERM)
            runner.communicate(timeout=30)


def make_checkout(folder: Path, *services: str, cluster: Path | None = None) -> Checkout:
    """With `cluster`, a folder of PostgreSQL's that is stopped, its database needs not be made first."""
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "__init__.py", folder / "deploy")
    shutil.copytree(ROOT / "deploy" / "local", folder / "deploy" / "local", ignore=NOT_COPIED)
    for name in services:
        package = folder / "services" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(SERVICE)
        (package / "settings.py").write_text(SETTINGS)
    checkout = Checkout(folder)
    if cluster is not None:
        shutil.copytree(cluster, checkout.data / "postgres")
    return checkout


def said(runner: subprocess.Popen[str]) -> str:
    """All that a runner said until its end."""
    return runner.communicate(timeout=30)[0]


def eventually(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
