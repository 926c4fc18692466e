"""The benchmarks run against a running stack and leave figures; how good those are is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.running import ROOT, Running


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_benchmarks_of_a_running_stack_leave_figures(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    told = bench(f"--data-dir={running.data}", "--rounds=1", "--seconds=0.3", f"--json={file}")
    assert told.returncode == 0, told.stdout + told.stderr
    figures = json.loads(file.read_text())
    assert set(figures["memory"]["programs"]) >= {"gateway", "billing", "postgres", "redis"}
    for connections in ("1", "32"):
        paid = figures["paid_calls"][connections]["paid"]
        assert paid["calls_per_second"] > 0
        assert paid["p50_ms"] <= paid["p99_ms"]
        assert paid["cpu_us"]["gateway"] > 0


def test_benchmarks_without_a_stack_say_what_to_do(tmp_path: Path) -> None:
    told = bench(f"--data-dir={tmp_path}")
    assert told.returncode == 2
    assert "make run" in told.stderr
    assert "Traceback" not in told.stderr
