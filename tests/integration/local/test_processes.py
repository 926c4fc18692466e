"""What is known of a process, read from /proc and, as on other systems, from `ps`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import processes
from deploy.local.children import spawn

CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"


@pytest.fixture(params=["/proc", "ps"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "/proc" and not processes.LINUX:
        pytest.skip("there is no /proc here")
    if request.param == "ps" and not Path("/bin/ps").exists():
        pytest.skip("there is no ps here")
    monkeypatch.setattr(processes, "LINUX", request.param == "/proc")
    return str(request.param)


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)
    yield started
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()


@pytest.mark.usefixtures("source")
def test_process_is_known_by_number_and_start(parent: subprocess.Popen[bytes]) -> None:
    known = processes.identify(parent.pid)
    assert known == processes.identify(parent.pid)
    assert known is not None
    assert processes.is_running(known)
    assert "time.sleep(600)" in processes.command_line(parent.pid)
    assert processes.wait_until(lambda: len(processes.descendants(parent.pid)) == 1, seconds=5)


@pytest.mark.usefixtures("source")
def test_zombie_counts_as_gone() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    assert processes.wait_until(lambda: processes.identify(dead.pid) is None, seconds=5)
    dead.wait()
    assert processes.identify(dead.pid) is None


@pytest.mark.skipif(not processes.LINUX, reason="other systems have no death signal")
def test_child_ends_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from deploy.local.children import spawn;"
        "child = spawn([sys.executable, '-c', 'import time; time.sleep(600)'], log=Path(sys.argv[1]));"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes.identify(child) is not None
        parent.kill()
    assert processes.wait_until(lambda: processes.identify(child) is None, seconds=5)


def test_output_of_a_child_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    spawn([sys.executable, "-c", "print('a word')"], log=log).wait()
    assert log.read_text() == "a word\n"
    assert log.stat().st_mode & 0o777 == 0o600
