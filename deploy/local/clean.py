"""`make clean`: removes what can be made again, and the data of a stack that doesn't run.

Ends no process: a data folder in use is left alone, and said so. Standard library only.
"""

import argparse
import fcntl
import shutil
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHES = (
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".import_linter_cache",
    ".bench",
    "build",
    "dist",
)
OURS = ("secrets.json", "runner.lock", "postgres")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make clean")
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"))
    data = (ROOT / parser.parse_args().data_dir).resolve()
    in_use = _in_use({data, *ROOT.glob(".tollgate*")})
    if data not in in_use:
        _remove_data(data)
    for cache in [ROOT / name for name in CACHES] + sorted(ROOT.glob("*.egg-info")):
        _remove(cache)
    for room in ("services", "shared", "deploy", "clients", "tests", "benchmarks"):
        for cache in sorted((ROOT / room).rglob("__pycache__")):
            shutil.rmtree(cache, ignore_errors=True)
    if in_use:
        names = ", ".join(str(folder) for folder in in_use)
        sys.exit(f"A stack runs on {names}, so that and .venv are left alone. Stop it first (Ctrl-C).")
    _remove(ROOT / ".venv")


def _in_use(folders: set[Path]) -> list[Path]:
    """Those whose runner lives: it holds a lock."""
    return [folder for folder in sorted(folders) if _is_locked(folder / "runner.lock")]


def _is_locked(file: Path) -> bool:
    if not file.exists():
        return False
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _remove_data(data: Path) -> None:
    """A folder that holds nothing of ours is not touched."""
    if any((data / name).exists() for name in OURS):
        _remove(data)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        print(f"removing {folder}")
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
