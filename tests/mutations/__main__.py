"""`make mutate [ARGS="-k hold"]`: each guard taken away in a copy of the checkout, its tests run there.

First the tests run on a copy with every guard in its place, where all must pass. Then a guard counts as held where a
test fails; a run that goes wrong otherwise (a broken import, a fixture, a missing test) does not count, and neither
does one that passes. The copies are thrown away; the checkout itself is never changed.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutations.guard import Guard
from tests.mutations.guards import GUARDS

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("services", "shared", "deploy", "clients", "tests", "docs", "benchmarks", "pyproject.toml", "README.md")
_TESTS_FAILED = 1
_LONGEST_RUN_SECONDS = 300
_FAILED = re.compile(r"^FAILED (.+?)(?: - (.*))?$", re.MULTILINE)
"""A test's id, which may hold spaces where its parameters do, and what it said."""


def main() -> int:
    """0 where every guard is held."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("-k", dest="wanted", default="", help="only guards whose name contains this")
    wanted = parser.parse_args().wanted
    chosen = [guard for guard in GUARDS if wanted in guard.name]
    if not chosen:
        print(f"no guard's name contains {wanted!r}", file=sys.stderr)
        return 2
    if not _all_pass(chosen):
        return 1
    survived = [guard.name for guard in chosen if not _is_held(guard)]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} guards are held by a test")
    for name in survived:
        print(f"nothing misses: {name}", file=sys.stderr)
    return 1 if survived else 0


def _all_pass(guards: Sequence[Guard]) -> bool:
    began_at = time.monotonic()
    tests = list(dict.fromkeys(test for guard in guards for test in guard.tests))
    with _copy_of_checkout() as copy:
        status, told = _run(tests, copy)
    print(f"{len(tests)} tests with every guard in its place ({time.monotonic() - began_at:.0f} s)", flush=True)
    if status != 0:
        print(told[-4_000:], file=sys.stderr)
    return status == 0


def _is_held(guard: Guard) -> bool:
    began_at = time.monotonic()
    with _copy_of_checkout() as copy:
        guard.take_away(copy)
        status, told = _run(guard.tests, copy)
    failed = failed_test(told) if status == _TESTS_FAILED else None
    print(f"{'held' if failed else 'NOT HELD':<9} {guard.name} ({time.monotonic() - began_at:.0f} s)", flush=True)
    if failed is None:
        print(told[-2_000:], file=sys.stderr)
        return False
    print(f"          {failed[0]}: {failed[1]}", flush=True)
    return True


def failed_test(told: str) -> tuple[str, str] | None:
    """The first failed test that pytest's summary names, and what it said; None where none failed."""
    found = _FAILED.search(told)
    return None if found is None else (found[1], found[2] or "failed")


@contextlib.contextmanager
def _copy_of_checkout() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tollgate-mutant-") as folder:
        copy = Path(folder)
        copy.chmod(0o711)  # where root must run PostgreSQL as another user, that user enters here
        for name in _COPIED:
            _copy(ROOT / name, copy / name)
        yield copy


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    elif source.exists():
        shutil.copy2(source, target)


def _run(tests: Sequence[str], copy: Path) -> tuple[int, str]:
    """Pytest's status, and what it said. The copy stands before an installed checkout, in children too."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "160"}
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST_RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0, "its tests did not end in time"
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
