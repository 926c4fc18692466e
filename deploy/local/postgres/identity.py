"""As which user PostgreSQL runs, and whose its data is.

Root may not run PostgreSQL. A user namespace makes root look like another user, without a change to any
file; where that is forbidden, the server runs as another user and its data belongs to it.
"""

import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path

from deploy.local import processes
from deploy.local.children import AS_STARTED, LaunchError, RunAs, tethered
from deploy.local.postgres.programs import Programs


def allowed_identity(folder: Path, programs: Programs) -> RunAs:
    """How to run PostgreSQL here; only root needs anything special."""
    if os.geteuid() != 0:
        return AS_STARTED
    in_namespace = RunAs(user_namespace=_user_of_no_rights("nobody", "daemon", "postgres"))
    if processes.LINUX and _may_run(in_namespace, programs):
        return in_namespace
    name = _user_of_no_rights("postgres", "nobody", "daemon")
    for needed in (folder, programs.folder):
        _require_passage(needed, pwd.getpwnam(name))
    other = RunAs(user=name)
    if not _may_run(other, programs):
        raise LaunchError(
            f"PostgreSQL won't run as root, and it could not be run as {name} either. Run as a normal "
            "user, or set DATABASE_URL."
        )
    return other


def own_data(data: Path, run_as: RunAs) -> None:
    """The data belongs to whom the server is: another user, or us again after a time as another user."""
    owner = pwd.getpwnam(run_as.user) if run_as.user else None
    uid, gid = (owner.pw_uid, owner.pw_gid) if owner else (os.geteuid(), os.getegid())
    if owner is not None:
        data.parent.chmod(0o711)
    if data.stat().st_uid == uid:
        return
    if os.geteuid() != 0:
        raise LaunchError(
            f"{data} belongs to another user (was it made as root?). Give it to yourself with "
            f"`sudo chown -R $(id -u) {data.parent}`, or use another data folder (make run DATA_DIR=...)."
        )
    for path in [data, *data.rglob("*")]:
        os.chown(path, uid, gid, follow_symlinks=False)


def _may_run(run_as: RunAs, programs: Programs) -> bool:
    probe = tethered([programs.postgres, "--version"], run_as=run_as)
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _user_of_no_rights(*preferred: str) -> str:
    """A user that exists and isn't root: initdb asks the system for its name."""
    for name in preferred:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    others = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise LaunchError("PostgreSQL won't run as root and this system has no other user. Add one.")
    return others[-1]


def _require_passage(folder: Path, user: pwd.struct_passwd) -> None:
    for step in [*reversed(folder.parents), folder]:
        status = step.stat()
        open_to_all = bool(status.st_mode & 0o001)
        own = status.st_uid == user.pw_uid and bool(status.st_mode & 0o100)
        ours_to_open = step == folder and status.st_uid == 0
        if not (open_to_all or own or ours_to_open):
            raise LaunchError(
                f"PostgreSQL won't run as root, so it would run as {user.pw_name}, who can't enter {step} "
                f"(user namespaces are not allowed here). Run as a normal user, or use a folder that all may "
                f"enter (make run DATA_DIR=/var/tmp/tollgate), or `chmod o+x {step}`, or set DATABASE_URL."
            )
