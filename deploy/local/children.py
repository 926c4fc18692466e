"""Starting a program as a child: its output in a file, its end tied to ours, its group its own.

A child is in a session of its own, so Ctrl-C in the terminal reaches only the runner, which then stops its
children in order.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TETHER = Path(__file__).with_name("tether.py")


class LaunchError(RuntimeError):
    """A program could not be started; the text says why and what to do."""


@dataclass(frozen=True)
class RunAs:
    """How a program is kept from being root. None of them: as the user that starts it."""

    user_namespace: str | None = None
    user: str | None = None

    def options(self) -> list[str]:
        options = ["--user-namespace", self.user_namespace] if self.user_namespace else []
        return options + (["--user", self.user] if self.user else [])


AS_STARTED = RunAs()


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    run_as: RunAs = AS_STARTED,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts the command, its output appended to `log`.

    It gets `death_signal` when the thread that called this ends, so call it from one that lives as long.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        log.chmod(0o600)
        return subprocess.Popen(
            tethered(command, death_signal=death_signal, run_as=run_as),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            start_new_session=True,
        )


def tethered(
    command: Sequence[str], *, death_signal: signal.Signals = signal.SIGKILL, run_as: RunAs = AS_STARTED
) -> list[str]:
    own = [sys.executable, "-I", "-S", str(TETHER), "--parent", str(os.getpid())]
    return [*own, "--signal", death_signal.name, *run_as.options(), "--", *command]


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, for the message about a program that failed to start."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
