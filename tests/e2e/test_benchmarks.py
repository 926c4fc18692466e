"""The benchmarks run against a running stack and leave figures; how good those are is not judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import ROOT, Running

SHORT = ("--rounds=1", "--seconds=0.3", "--load=python")


def bench(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    environment = os.environ | ({"PATH": path} if path is not None else {})
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


def figures_of(running: Running, folder: Path, *arguments: str, path: str | None = None) -> tuple[dict[str, Any], str]:
    """What the benchmarks left in their file, and what they said."""
    file = folder / "figures.json"
    told = bench(f"--data-dir={running.data}", f"--json={file}", *SHORT, *arguments, path=path)
    assert told.returncode == 0, told.stdout + told.stderr
    return json.loads(file.read_text()), told.stdout


@pytest.mark.long
def test_paid_calls_and_memory_of_a_running_stack_leave_figures(running: Running, tmp_path: Path) -> None:
    figures, _ = figures_of(running, tmp_path, "memory", "paid_calls", "--peers", "naive")
    assert set(figures["memory"]["programs"]) >= {"gateway", "billing", "postgres", "redis"}
    for connections in ("1", "32"):
        found = figures["paid_calls"]["at_once"][connections]
        assert set(found) == {"direct", "tollgate", "naive"}
        ours = found["tollgate"]
        assert ours["calls_per_second"] > 0
        assert ours["p50_ms"] <= ours["p99_ms"]
        assert 0 < ours["gateway_us"] < ours["all_us"]


@pytest.mark.long
def test_a_peer_that_cannot_be_had_is_left_out_and_said(running: Running, tmp_path: Path) -> None:
    without_node = ("paid_calls", "--at-once=1", "--peers", "fastify")
    figures, said = figures_of(running, tmp_path, *without_node, path=str(tmp_path))
    measured = figures["paid_calls"]
    assert set(measured["at_once"]["1"]) == {"direct", "tollgate"}
    assert set(measured["skipped"]) == {"fastify"}
    assert "fastify is left out: there is no node and no npm on the PATH" in said
    assert "not measured" in said


@pytest.mark.long
def test_streams_refusals_and_many_keys_leave_figures_that_add_up(running: Running, tmp_path: Path) -> None:
    small = ("--streams=8", "--events=16", "--slow-readers=2", "--flood=50", "--keys=20", "--calls=60")
    figures, _ = figures_of(running, tmp_path, "streams", "refusals", "many_keys", *small)
    many = figures["streams"]["many"]
    assert (many["complete"], many["charged_exactly"]) == (8, True)
    assert {kind: set(one["statuses"]) for kind, one in figures["refusals"]["floods"].items()} == {
        "bad keys": {"401"},
        "dry wallet": {"402"},
    }
    assert (figures["many_keys"]["calls"], figures["many_keys"]["keys"]) == (60, 20)


def test_benchmarks_without_a_stack_say_what_to_do(tmp_path: Path) -> None:
    told = bench(f"--data-dir={tmp_path}")
    assert told.returncode == 2
    assert "make run" in told.stderr
    assert "Traceback" not in told.stderr
