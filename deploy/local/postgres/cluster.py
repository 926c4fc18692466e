"""The cluster: its owner's password, and the data, made once and found whole or not at all."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from deploy.local.children import LaunchError, RunAs, tethered
from deploy.local.postgres.identity import own_data
from deploy.local.postgres.programs import Programs, program_environment

OWNER = "tollgate_owner"
DATABASE = "tollgate"


def kept_password(file: Path) -> str:
    """Made once; written under another name first, so that it is never found half written."""
    with suppress(FileNotFoundError):
        return file.read_text().strip()
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(24))
    fresh.replace(file)
    return file.read_text()


def create_cluster(folder: Path, programs: Programs, run_as: RunAs, *, password: str) -> None:
    """initdb in a folder beside, renamed when whole: a set-up cut short is simply begun again."""
    unfinished = folder / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    own_data(unfinished, run_as)
    with tempfile.NamedTemporaryFile("w", dir=unfinished.parent, prefix="owner.") as words:
        words.write(password)
        words.flush()
        if run_as.user:
            os.chown(words.name, pwd.getpwnam(run_as.user).pw_uid, -1)
        access = ["-U", OWNER, "--auth=scram-sha-256", f"--pwfile={words.name}"]
        ways = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        _run([programs.initdb, "-D", str(unfinished), *access, *ways], run_as, folder=unfinished)
    statement = f"CREATE DATABASE {DATABASE};\n"
    _run([programs.postgres, "--single", "-D", str(unfinished), "postgres"], run_as, unfinished, statement)
    os.sync()
    unfinished.rename(folder / "data")


def _run(command: list[str], run_as: RunAs, folder: Path, words: str = "") -> None:
    answer = subprocess.run(
        tethered(command, run_as=run_as),
        input=words,
        cwd=folder,
        env=program_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).strip()
        raise LaunchError(f"{Path(command[0]).name} failed while setting up {folder.parent}:\n{said}")
