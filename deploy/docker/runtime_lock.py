"""Prints the part of the lock that the services need: the project's dependencies and theirs, hashes and all.

    python runtime_lock.py pyproject.toml requirements.lock

Runs in an environment into which the whole lock was installed: the installed packages say what each needs on this
machine, so no second lock is kept and nothing is resolved anew.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def main(project_file: Path, lock_file: Path) -> None:
    project = tomllib.loads(project_file.read_text())["project"]
    needed = closure(project["dependencies"], lambda name: metadata.requires(name) or [])
    sys.stdout.write(selection(lock_file.read_text(), needed))


def closure(requirements: Iterable[str], requires: Callable[[str], Iterable[str]]) -> set[str]:
    """The names of everything that `requirements` lead to; `requires` says what a package asks for."""
    waiting = [Requirement(text) for text in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _asked_for(requires(name), extra)
    return {name for name, _ in seen}


def _asked_for(requirements: Iterable[str], extra: str) -> list[Requirement]:
    parsed = [Requirement(text) for text in requirements]
    return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": extra})]


def selection(lock: str, names: set[str]) -> str:
    """The lock's entries of these packages. One that lacks is an error: the image must not differ from the lock."""
    starts = [match.start() for match in _PIN.finditer(lock)]
    entries = [lock[start:end] for start, end in zip(starts, [*starts[1:], len(lock)], strict=True)]
    by_name: dict[str, str] = {canonicalize_name(entry.partition("==")[0]): entry for entry in entries}
    missing = names - by_name.keys()
    if missing:
        raise SystemExit(f"requirements.lock lacks {', '.join(sorted(missing))}")
    return "".join(by_name[name].rstrip("\n") + "\n" for name in sorted(names))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
