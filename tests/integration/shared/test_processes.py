"""Several processes on one port, killed, stopped and orphaned. Each test runs a parent of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local import processes

SERVER = """
import asyncio, os, sys
from fastapi import FastAPI, Request
from shared.doors.application import install, metrics_response
from shared.service_main import serve
from shared.telemetry import configure_logging

def create():
    app = FastAPI()
    install(app, trusts_request_id=False)
    @app.get("/metrics")
    async def metrics(request: Request):
        return await metrics_response(request)

    @app.get("/pid")
    async def pid(wait: float = 0):
        if wait:
            open(sys.argv[0] + ".begun", "w").close()
        await asyncio.sleep(wait)
        return os.getpid()
    if sys.argv[2] == "fails":
        raise SystemExit(3)
    return app

configure_logging("test", "warning")
serve(create, host="127.0.0.1", port=int(sys.argv[1]), processes=2)
"""
PATIENCE_SECONDS = 20.0


def wait_for(check: Callable[[], object]) -> None:
    assert processes.wait_until(lambda: bool(check()), seconds=PATIENCE_SECONDS)


@dataclass
class Served:
    """A parent and its port."""

    parent: "subprocess.Popen[bytes]"
    port: int

    def ask(self, path: str = "/pid") -> int:
        """Which process answers; each question on a connection of its own."""
        return int(self.get(path).text)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_SECONDS)

    def answering(self) -> set[int]:
        with suppress(httpx.TransportError):
            return {self.ask() for _ in range(20)}
        return set()

    def children(self) -> list[processes.ProcessId]:
        return [one for pid in processes.descendants(self.parent.pid) if (one := processes.identify(pid))]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Served]]:
    """Start a parent; whatever is left of it ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(how: str = "well") -> Served:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        script = tmp_path / "server.py"
        script.write_text(SERVER)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        command = [sys.executable, str(script), str(port), how]
        started.append(subprocess.Popen(command, env=environment, start_new_session=True))
        return Served(started[-1], port)

    yield start
    for parent in started:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()


@pytest.mark.long
def test_two_answer_and_the_death_of_one_loses_no_service(serve: Callable[..., Served]) -> None:
    served = serve()
    wait_for(lambda: len(served.answering()) == 2)
    one, other = served.answering()
    os.kill(one, signal.SIGKILL)
    wait_for(lambda: processes.identify(one) is None)
    assert served.answering() >= {other}, "nobody was refused meanwhile"
    wait_for(lambda: len(served.answering() - {one}) == 2)


@pytest.mark.long
def test_each_process_tells_the_metrics_of_both(serve: Callable[..., Served]) -> None:
    served = serve()
    wait_for(lambda: len(served.answering()) == 2)
    counted = [0, 0]
    for line in served.get("/metrics").text.splitlines():
        for number in range(2):
            if line.startswith(f'tollgate_http_requests_total{{process="{number}",') and 'route="/pid"' in line:
                counted[number] = int(float(line.rpartition(" ")[2]))
    assert min(counted) > 0 and sum(counted) >= 20


def test_a_stop_lets_answers_end(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve()
    wait_for(lambda: len(served.answering()) == 2)
    children = served.children()
    with socket.create_connection(("127.0.0.1", served.port)) as caller:
        caller.sendall(b"GET /pid?wait=0.5 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for((tmp_path / "server.py.begun").exists)
        served.parent.send_signal(signal.SIGTERM)
        assert caller.makefile("rb").readline().startswith(b"HTTP/1.1 200")
    assert served.parent.wait(PATIENCE_SECONDS) == 0
    assert not any(processes.is_running(one) for one in children)


@pytest.mark.long
def test_the_parents_death_is_the_childrens(serve: Callable[..., Served]) -> None:
    served = serve()
    wait_for(lambda: len(served.answering()) == 2)
    children = served.children()
    assert len(children) == 2
    served.parent.kill()
    wait_for(lambda: not any(processes.is_running(one) for one in children))


def test_a_start_that_fails_ends_everything(serve: Callable[..., Served]) -> None:
    served = serve("fails")
    assert served.parent.wait(PATIENCE_SECONDS) == 3
