"""The whole stack as `make run` starts it: everything answers, heals and fits; the printed story works."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local import processes
from deploy.local.runner.story import story
from tests.e2e.running import Running

SERVICES = ("gateway", "billing", "licensing", "fraud")
STAND_INS = ("stripe_sandbox", "demo_upstream", "mail")
MOST_IDLE_MEGABYTES = 600


def get(url: str) -> int:
    """The status, or 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return 0


def eventually(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.05)


def test_every_program_answers_ping(stack: dict[str, Any]) -> None:
    assert set(stack["services"]) >= {*SERVICES, *STAND_INS, "postgres", "redis"}
    for name in (*SERVICES, *STAND_INS):
        assert get(f"{stack['services'][name]['url']}/ping") == 200, name


def test_inner_ports_refuse_who_bears_no_token(stack: dict[str, Any]) -> None:
    assert get(f"{stack['services']['billing']['url']}/api/v1/credits") == 401


def test_no_file_of_the_data_folder_is_anybody_elses_to_read(running_stack: Running) -> None:
    """The folder itself may be entered: PostgreSQL may have to be another user."""
    readable = [one.name for one in running_stack.data.iterdir() if one.is_file() and one.stat().st_mode & 0o077]
    assert readable == []
    assert (running_stack.data / "stripe_sandbox.sqlite").stat().st_mode & 0o777 == 0o600
    assert (running_stack.data / "logs").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is read the Linux way")
def test_idle_stack_is_small(stack: dict[str, Any]) -> None:
    """Proportional set size: what is shared counts once."""
    of_each = {name: sum(map(proportional_kilobytes, living(stack, name))) for name in stack["services"]}
    total = sum(of_each.values()) // 1024
    assert total < MOST_IDLE_MEGABYTES, of_each


@pytest.mark.skipif(shutil.which("curl") is None, reason="the story is told in curl")
def test_story_can_be_pasted_as_it_is_printed(stack: dict[str, Any]) -> None:
    shell = shutil.which("bash") or "/bin/sh"
    told = subprocess.run(
        [shell], input=story(stack["gateway"]), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert '"insufficient_credits"' in told
    assert "paid: 303" in told
    assert "tg_live_" in told
    assert "x-credits-charged: 1" in told.lower()
    assert "x-credits-remaining: 4999" in told.lower()
    assert json.loads(told.strip().splitlines()[-1])["credits"] == 4999


@pytest.mark.skipif(not processes.LINUX, reason="processes are found the Linux way")
@pytest.mark.parametrize("name", [*SERVICES, *STAND_INS])
def test_killed_program_is_back_within_ten_seconds(stack: dict[str, Any], name: str) -> None:
    """Among them the time that Python takes to start."""
    url = f"{stack['services'][name]['url']}/ping"
    assert get(url) == 200
    for pid in living(stack, name):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: get(url) == 0, seconds=5)
    eventually(lambda: get(url) == 200, seconds=10)


def living(stack: dict[str, Any], name: str) -> list[int]:
    """A program's processes now: `stack` was read before the kills of other tests.

    The runner, which names the gateway's port too, is none of them.
    """
    of = stack["services"][name]
    if "url" not in of:
        return [pid for one in of["pids"] for pid in (one, *processes.descendants(one))]
    mark = f"--port {of['url'].rpartition(':')[2]} "
    everything = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    lines = {pid: processes.command_line(pid) for pid in everything}
    return [pid for pid, line in lines.items() if mark in line and " deploy.local run " not in line]


def proportional_kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
