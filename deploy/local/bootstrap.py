"""Makes `.venv` from the committed lock, then becomes the program that was asked for.

    python3 -m deploy.local.bootstrap [--] [argument of the environment's Python ...]

Standard library only, and its first lines are to be understood by any Python 3: an old one is told what to
do, or replaced by a newer one found on the PATH. uv does the work where there is one, else venv and pip;
every package is checked against the lock's hashes.

A stamp in the environment (hash of lock, pyproject, Python and place) makes a second run start at once. A
mark made before installing and removed after it tells a set-up that was cut short: then the environment is
made anew, since nobody knows what is half written in it.
"""

import os
import subprocess
import sys

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")


def main(arguments: "list[str]") -> None:
    if sys.version_info < OLDEST:
        _run_by_a_newer_python(arguments)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    os.chdir(root)
    from deploy.local import environment  # noqa: PLC0415  (an old Python could not read it)

    try:
        python = environment.ensure()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. The next start makes the environment anew.")
    asked_for = arguments[1:] if arguments[:1] == ["--"] else arguments
    if asked_for:
        sys.stdout.flush()
        os.execv(python, [python, *asked_for])  # noqa: S606  (becomes the program; no shell)


def _run_by_a_newer_python(arguments: "list[str]") -> None:
    """Never returns."""
    test = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    for name in NEWER:
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            python = os.path.join(folder, name)  # noqa: PTH118
            if not os.access(python, os.X_OK):
                continue
            if subprocess.call([python, "-c", test], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
                os.execv(python, [python, "-m", "deploy.local.bootstrap", *arguments])  # noqa: S606
    version = ".".join(str(part) for part in sys.version_info[:2])
    sys.exit(
        f"Tollgate needs Python 3.11 or newer; {sys.executable} is {version}, and none of {', '.join(NEWER)} "
        "is on the PATH.\n"
        "Install one (Debian 12 or newer: `apt install python3 python3-venv`, macOS: `brew install "
        "python@3.13`, anywhere: `uv python install 3.13`), or name it: make run PYTHON=/path/to/python3.13"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
