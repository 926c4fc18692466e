"""How many files and sockets a process may have open: many systems begin at 256 or 1,024, a connection each."""

import resource
from contextlib import suppress

_WANTED = 65_536


def raise_limit() -> int:
    """Raise this process's own limit to what it is allowed, at most 65,536. The limit that holds then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)
    for wanted in (ceiling, ceiling // 6):  # macOS allows no more than its kernel's own bound, 10,240 by default
        if soft == resource.RLIM_INFINITY or wanted <= soft:
            break
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft
