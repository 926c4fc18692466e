"""The C library's allocator, told to give large blocks back.

glibc learns from the first large block that is freed: from then on it takes blocks of that size from its heap and keeps
them there. After one password's hash that is 19 MiB which nobody uses.
"""

import contextlib
import ctypes

LARGE_BYTES = 4 * 1024 * 1024
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def give_large_blocks_back() -> None:
    """From here on a block of `LARGE_BYTES` or more goes back to the system when it is freed, and so does as much at
    the heap's end. For the whole process; once is enough. A C library that can't be told is left alone."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            mallopt(parameter, LARGE_BYTES)
