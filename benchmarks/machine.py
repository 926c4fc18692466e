"""On what it was measured: processor, memory, disk flush, versions, commit, date."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

FLUSHES = 50
ROOT = Path(__file__).resolve().parents[1]


def described(data: Path) -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "disk_flush_ms": round(_flush_ms(data), 3),
    }


def as_text(machine: dict[str, Any]) -> str:
    return "\n".join(f"{name:<16} {value}" for name, value in machine.items())


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _flush_ms(data: Path) -> float:
    """What a durable commit waits for at least: 8 KiB written and flushed on the data's disk, the median."""
    with tempfile.NamedTemporaryFile(dir=data) as file:
        took = []
        for _ in range(FLUSHES):
            file.write(b"\0" * 8_192)
            file.flush()
            began_at = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began_at)
    return statistics.median(took) * 1_000
