"""py-spy: found on the PATH or fetched once into `.bench/`, and told what to record.

It isn't among the project's packages, since nothing but `make profile` wants it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.started import CACHE

WANTED = "py-spy==0.4.3"
SAMPLES_A_SECOND = 200
PATIENCE_SECONDS = 60
FETCH_SECONDS = 180
NO_RIGHT = (
    "py-spy may not look into the process. It needs the right to trace it: run as root (`sudo make profile`), or set "
    "`sysctl kernel.yama.ptrace_scope=0` and be the user that runs the stack; a container needs `--cap-add SYS_PTRACE`."
)


class NoProfiler(Exception):
    """There is no profile; the text says why and what to do."""


def found() -> str:
    """The program. Raises NoProfiler."""
    fetched = CACHE / "py-spy" / "bin" / "py-spy"
    on_path = shutil.which("py-spy")
    if on_path is None and not fetched.exists():
        _fetch(CACHE / "py-spy")
    return on_path or str(fetched)


def record(program: str, pid: int, file: Path, *, form: str, seconds: int, native: bool) -> None:
    """Samples that process and what it started, and writes the file. Raises NoProfiler."""
    what = ["--pid", str(pid), "--subprocesses", "--duration", str(seconds), "--rate", str(SAMPLES_A_SECOND)]
    how = ["--function", "--format", form, "--output", str(file), *(["--native"] if native else [])]
    done = subprocess.run(
        [program, "record", *what, *how],
        capture_output=True,
        text=True,
        timeout=seconds + PATIENCE_SECONDS,
        check=False,
    )
    said = done.stderr + done.stdout
    if done.returncode != 0 or not file.exists():
        refused = any(word in said.lower() for word in ("permission", "ptrace", "not permitted"))
        raise NoProfiler(NO_RIGHT if refused else f"py-spy failed: {said.strip()[-500:]}")


def _fetch(folder: Path) -> None:
    uv = shutil.which("uv")
    make = [uv, "venv", "--quiet", "--clear"] if uv else [sys.executable, "-m", "venv", "--clear"]
    python = str(folder / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", python] if uv else [python, "-m", "pip", "install", "-q"]
    for command in ([*make, str(folder)], [*install, WANTED]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise NoProfiler(f"py-spy is not on the PATH and could not be fetched: {failure}") from failure
        if done.returncode != 0:
            raise NoProfiler(f"py-spy is not on the PATH and could not be fetched: {done.stderr.strip()[-300:]}")
