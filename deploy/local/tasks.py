"""`make test` and `make lint`: which tools are run, in which order, and what they are told."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    "demo": "deploy.local.demo",
    "bench": "benchmarks",
    "profile": "benchmarks.profile",
    "mutate": "tests.mutations",
}
CHECKED = ("services", "shared", "deploy", "clients", "tests", "benchmarks")
NOTHING_COLLECTED = 5
WORKERS = 6


def test(arguments: list[str]) -> int:
    """All tests; those that start the whole stack last and one by one, for they need the machine alone.

    With `--long` the tests marked long, else the others. Anything else is given to pytest, all in one run.
    """
    is_long = "--long" in arguments
    own = [argument for argument in arguments if argument != "--long"]
    marked = ["-m", "long" if is_long else "not long"]
    if own or is_long:
        return _pytest([*marked, *own], "tests")
    whole = ROOT / "tests" / "e2e"
    side_by_side = ["-n", str(min(WORKERS, (os.cpu_count() or 1) + 2)), "--dist", "loadfile"]  # much of it is waiting
    first = _pytest([*marked, *side_by_side, f"--ignore={whole}", "tests"], "tests beside each other")
    if first != 0:
        return first
    return _pytest([*marked, str(whole)], "tests of the whole stack")


def lint() -> int:
    """Every check runs, whatever the one before said."""
    rooms = [room for room in CHECKED if (ROOT / room).is_dir()]
    checks = [
        ["ruff", "check", *rooms],
        ["ruff", "format", "--check", *rooms],
        ["mypy"],
        ["lint-imports"],
    ]
    failed = [" ".join(check) for check in checks if _tool(check) != 0]
    for check in failed:
        print(f"failed: {check}", file=sys.stderr)
    return 1 if failed else 0


def _pytest(arguments: list[str], what: str) -> int:
    began_at = time.monotonic()
    status = _tool(["pytest", *arguments])
    print(f"{what}: {time.monotonic() - began_at:.0f} s", flush=True)
    return 0 if status == NOTHING_COLLECTED else status


def _tool(command: list[str]) -> int:
    program = Path(sys.executable).parent / command[0]
    print(f"$ {' '.join(command)}", flush=True)
    return subprocess.run([str(program), *command[1:]], cwd=ROOT, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """Ours, with bytecode kept: the tests start hundreds of Pythons, each of which would compile the house anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
