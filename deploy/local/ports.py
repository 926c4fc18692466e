"""Free loopback ports that stay free: below the range from which the system takes ports for outgoing calls.

A port of that range could be lent to somebody's outgoing connection while a service that listens on it is
being started again.
"""

import random
import socket
from contextlib import suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 15_000, 31_999
ATTEMPTS = 200


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now; a stack's own picks are told apart by chance."""
    highest = min(HIGHEST, _first_outgoing_port() - 1)
    for _ in range(ATTEMPTS):
        port = random.SystemRandom().randint(min(LOWEST, highest - 1000), highest)
        if is_free(port):
            return port
    raise RuntimeError(f"Found no free port between {LOWEST} and {highest} on {LOOPBACK}.")


def is_free(port: int, host: str = LOOPBACK) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int, *, seconds: float = 1.0) -> bool:
    """True if something accepts a connection there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=seconds):
        return True
    return False


def _first_outgoing_port() -> int:
    with suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return 49_152
