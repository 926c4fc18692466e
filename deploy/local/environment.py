"""The Python environment `.venv`: made from the lock, recognised by a stamp, healed after an interruption.

Standard library only: it runs before anything is installed.
"""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".tollgate-complete"
UNFINISHED = VENV / ".tollgate-unfinished"


def ensure() -> str:
    """The environment's Python, after making or mending the environment if that is needed."""
    if not _is_complete():
        with _alone() as lock:
            if not _is_complete():
                _make(lock)
    return str(PYTHON)


def _is_complete() -> bool:
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _fingerprint()


def _fingerprint() -> str:
    """What the environment depends on: it holds absolute paths, and packages for its own Python."""
    parts = [file.read_bytes() for file in (LOCK, ROOT / "pyproject.toml", VENV / "pyvenv.cfg")]
    parts.append(str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@contextmanager
def _alone() -> "Iterator[int]":
    """Two commands started at once on a fresh clone: the second waits for the first one's environment.

    The lock is passed on to the installing programs, so it holds until the last of them is gone, even where
    this process was killed.
    """
    with LOCK.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another command is setting up .venv; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _make(lock: int) -> None:
    began = time.monotonic()
    _remove_what_cannot_be_used()
    uv = _uv()
    if uv is None:
        _require_venv_and_pip()
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()
    if not PYTHON.exists():
        _say(f"Making .venv with Python {sys.version.split()[0]} ({'uv' if uv else 'venv and pip'}).")
        _run(_make_command(uv), lock)
    _say(f"Installing {_packages_in_lock()} packages from requirements.lock; the first time takes a minute.")
    for command in _install_commands(uv):
        _run(command, lock)
    STAMP.write_text(_fingerprint())
    UNFINISHED.unlink()
    _say(f"The environment is ready ({time.monotonic() - began:.0f} s).")


def _remove_what_cannot_be_used() -> None:
    """Cut short, or made by a Python that is gone or too old."""
    if not VENV.exists():
        return
    if UNFINISHED.exists():
        _say("An earlier set-up of .venv was cut short; making it anew.")
    elif _can_be_used():
        return
    else:
        _say("The Python of .venv is gone or too old; making it anew.")
    shutil.rmtree(VENV)


def _can_be_used() -> bool:
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    return PYTHON.exists() and _succeeds([str(PYTHON), "-c", test])


def _uv() -> str | None:
    found = shutil.which("uv")
    return found if found and _succeeds([found, "--version"]) else None


def _require_venv_and_pip() -> None:
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.exit(
            f"This Python ({sys.executable}) lacks {' and '.join(missing)}, and there is no uv.\n"
            f"Debian and Ubuntu: `sudo apt install python3-venv` (or python{version}-venv). "
            "Anywhere: install uv (https://docs.astral.sh/uv/). Then run the same command again."
        )


def _make_command(uv: str | None) -> list[str]:
    if uv:
        return [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)]
    return [sys.executable, "-m", "venv", str(VENV)]


def _install_commands(uv: str | None) -> list[list[str]]:
    if uv:
        install = [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
        compiled = ["--compile-bytecode"]
    else:
        install = [
            str(PYTHON),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "install",
            "--quiet",
        ]
        compiled = []
    return [
        [*install, *compiled, "--require-hashes", "-r", str(LOCK)],
        [*install, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ]


def _packages_in_lock() -> int:
    return sum("==" in line and not line.startswith((" ", "#")) for line in LOCK.read_text().splitlines())


def _run(command: list[str], lock: int) -> None:
    if subprocess.run(command, cwd=ROOT, check=False, pass_fds=(lock,)).returncode != 0:
        sys.exit(
            f"The set-up of .venv failed at: {' '.join(command)}\n"
            "Its reason stands above (no network, or no package for this system?). Run the same command "
            "again once it is mended: the set-up begins anew, with the downloads that were kept."
        )


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _say(line: str) -> None:
    print(line, flush=True)
