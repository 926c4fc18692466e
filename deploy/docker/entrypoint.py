"""The image's command: settings from secret files, then the service itself in this process.

    entrypoint.py gateway serve --host 0.0.0.0 --port 8082
    entrypoint.py migrate

Each file in `/run/secrets` is a setting: its name is the setting's, its content the value without a final line break
(S12). A setting given both as a file and in the environment is refused, for nobody could say which one holds.

`migrate` upgrades every schema in turn; each service's settings then stand in a folder of its own,
`/run/secrets/<service>/`, and the owner's address in `/run/secrets/migrate/`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SECRETS = Path("/run/secrets")
SERVICES = ("gateway", "billing", "licensing", "fraud")
BAD_SETTINGS = 78
BAD_USAGE = 64
USAGE = f"Give a service and its command ({' | '.join(SERVICES)}) (serve | worker | migrate | settings), or: migrate\n"


def main(arguments: Sequence[str]) -> None:
    if list(arguments) == ["migrate"]:
        migrate_all(SECRETS, os.environ)
    elif arguments and arguments[0] in SERVICES:
        run(arguments[0], arguments[1:], environment(SECRETS, os.environ))
    else:
        sys.stderr.write(USAGE)
        raise SystemExit(BAD_USAGE)


def run(service: str, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
    """Become the service, so that it gets the signals."""
    os.execve(sys.executable, command(service, arguments), dict(variables))  # noqa: S606 (no shell)


def migrate_all(secrets: Path, variables: Mapping[str, str]) -> None:
    """One schema after the other; the first that fails ends it, and running again goes on from there."""
    with_owner = environment(secrets / "migrate", variables)
    for service in SERVICES:
        sys.stderr.write(f"Migrating {service}.\n")
        own = environment(secrets / service, with_owner)
        code = subprocess.run(command(service, ["migrate"]), env=own, check=False).returncode
        if code != 0:
            raise SystemExit(code)


def command(service: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", f"services.{service}", *arguments]


def environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment with the folder's settings added."""
    files = sorted(file for file in folder.glob("*") if file.is_file()) if folder.is_dir() else []
    twice = [file.name for file in files if variables.get(file.name)]
    if twice:
        sys.stderr.write(f"{', '.join(twice)}: given as a file in {folder} and in the environment; take one away.\n")
        raise SystemExit(BAD_SETTINGS)
    return {**variables, **{file.name: _content(file) for file in files}}


def _content(file: Path) -> str:
    try:
        return file.read_text().rstrip("\r\n")
    except OSError as error:
        sys.stderr.write(f"{file.name}: {file} can't be read by user {os.getuid()}: {error.strerror}.\n")
        raise SystemExit(BAD_SETTINGS) from None


if __name__ == "__main__":
    main(sys.argv[1:])
