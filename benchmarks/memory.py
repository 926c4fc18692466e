"""Memory of every program of the stack as it stands: proportional set size, in which what is shared counts once.

Linux only (`/proc/{pid}/smaps_rollup`), and readable for who started the stack or root. Measured on a stack that was
just started, it is the idle stack's.
"""

from typing import Any

import psutil

from benchmarks.stack import Stack


def measure(stack: Stack) -> dict[str, Any]:
    """`{programs: {name: {processes, pss_kib}}, total_kib}`."""
    programs = {
        name: {"processes": len(found), "pss_kib": sum(map(_pss_kib, found))}
        for name, found in stack.programs().items()
    }
    return {"programs": programs, "total_kib": sum(one["pss_kib"] for one in programs.values())}


def as_text(measured: dict[str, Any]) -> str:
    rows = ["", f"{'program':<16} {'processes':>9} {'PSS, MiB':>9}"]
    for name, one in measured["programs"].items():
        rows.append(f"{name:<16} {one['processes']:>9} {one['pss_kib'] / 1024:>9.1f}")
    rows.append(f"{'all':<16} {'':>9} {measured['total_kib'] / 1024:>9.1f}")
    return "\n".join(rows)


def _pss_kib(process: psutil.Process) -> int:
    """0 for one that has just ended; being refused is an error, for a smaller sum would be a lie."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup") as lines:  # noqa: PTH123
            return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0
