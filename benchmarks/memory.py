"""Memory of every program of the stack as it stands: measured on a stack that was just started, it is the idle stack's.

Linux only (`/proc/{pid}/smaps_rollup`), and readable for who started the stack or root.
"""

from typing import Any

from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table
from benchmarks.usage import pss_kib

MOST_MEGABYTES = 600


def measure(stack: Stack, options: Options) -> dict[str, Any]:
    """`{programs: {name: {processes, pss_kib}}, total_kib}`."""
    programs = {
        name: {"processes": len(found), "pss_kib": sum(map(pss_kib, found))}
        for name, found in stack.meter.programs().items()
    }
    return {"programs": programs, "total_kib": sum(one["pss_kib"] for one in programs.values())}


def tables(measured: dict[str, Any]) -> list[Table]:
    rows = [[name, str(one["processes"]), f"{one['pss_kib'] / 1024:.1f}"] for name, one in measured["programs"].items()]
    rows.append(["all", "", f"{measured['total_kib'] / 1024:.1f}"])
    return [Table("Memory of the stack as it stands", ("program", "processes", "PSS, MiB"), rows)]


def asked(measured: dict[str, Any]) -> list[Asked]:
    used = measured["total_kib"] * 1024 / 1e6
    return [Asked("memory of the idle stack", f"under {MOST_MEGABYTES} MB", f"{used:.0f} MB", used < MOST_MEGABYTES)]
