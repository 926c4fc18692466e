"""Which ports the stack listens on: the public one as asked for, the inner ones kept from start to start."""

import os
from pathlib import Path

from deploy.local import ports
from deploy.local.children import LaunchError
from deploy.local.runner.files import read_json, write_json

INNER = ("billing", "licensing", "fraud", "stripe_sandbox", "demo_upstream", "mail", "smtp")
FIRST_UNPRIVILEGED_PORT = 1024
LAST_PORT = 65_535


def require_port(port: int) -> None:
    """LaunchError, with what to do, if the gateway can't have that port."""
    if not 1 <= port <= LAST_PORT:
        raise LaunchError(f"There is no port {port}. Choose one from 1024 to {LAST_PORT}: make run PORT=8082")
    if port < FIRST_UNPRIVILEGED_PORT and os.geteuid() != 0:
        raise LaunchError(f"Port {port} is for root only. Choose a higher one: make run PORT=8082")
    if ports.answers(ports.LOOPBACK, port) or not ports.is_free(port):
        another = 9000 if port != 9000 else 9001
        raise LaunchError(
            f"Port {port} is taken by another program. End that program, or choose another port: "
            f"make run PORT={another}"
        )


def inner_ports(file: Path, *, public: int) -> dict[str, int]:
    """Those of the last time where they are still free, so that addresses in mails stay good."""
    kept = read_json(file) or {}
    chosen: dict[str, int] = {}
    for name in INNER:
        before = kept.get(name)
        taken = {*chosen.values(), public}
        if isinstance(before, int) and before not in taken and ports.is_free(before):
            chosen[name] = before
        else:
            chosen[name] = _another_port(taken)
    write_json(file, chosen)
    return chosen


def _another_port(taken: set[int]) -> int:
    while (port := ports.free_port()) in taken:
        continue
    return port
