"""Starts a program that ends when its parent does, if need be as a user that PostgreSQL accepts.

Run as a script by `children.spawn` (`python -I -S tether.py ... -- program argument...`), with nothing but
the standard library. It prepares its own process and then becomes the program, so the process id that the
parent knows is the program's. A start hook in the parent (`preexec_fn`) could do the same, but not safely
where the parent has threads.

What a platform lacks is left out: without Linux's death signal a program outlives a killed parent, and the
next start of the runner finds and ends it.
"""

import argparse
import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOT_ALLOWED = 77


def main() -> None:
    arguments = _parse()
    if arguments.user_namespace is not None:
        _enter_user_namespace(pwd.getpwnam(arguments.user_namespace))
    if arguments.user is not None:
        _become(pwd.getpwnam(arguments.user))
    if arguments.signal is not None:
        _die_with_parent(arguments.parent, signal.Signals[arguments.signal])
    os.execv(arguments.program[0], arguments.program)  # noqa: S606  (a program by its path, no shell)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal")
    parser.add_argument("--user-namespace", help="appear as this user, while files stay the starter's")
    parser.add_argument("--user", help="become this user (root only)")
    parser.add_argument("program", nargs="+")
    return parser.parse_args()


def _enter_user_namespace(user: pwd.struct_passwd) -> None:
    """Like `unshare --user --map-user`: PostgreSQL sees a user that isn't root, the kernel sees root."""
    own_uid, own_gid = os.geteuid(), os.getegid()
    if _libc().unshare(CLONE_NEWUSER) != 0:
        sys.exit(NOT_ALLOWED)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user.pw_uid} {own_uid} 1")
        Path("/proc/self/gid_map").write_text(f"{user.pw_gid} {own_gid} 1")
    except OSError:
        sys.exit(NOT_ALLOWED)


def _become(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _die_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Asked for after every change of identity, which would cancel it."""
    if not sys.platform.startswith("linux"):
        return
    _libc().prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"The process {parent} that started this one is gone.")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main()
