"""Large blocks go back to the system when they are freed."""

import platform
import subprocess
import sys

import pytest

_KEPT_MIB = """
import resource, sys
from services.gateway.store.allocator import give_large_blocks_back

def used():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize() / 2**20

if sys.argv[1] == "told":
    give_large_blocks_back()
before = used()
for _ in range(3):
    block = bytearray(19 * 2**20)
    small = [bytes(600) for _ in range(100)]
    del block
print(used() - before)
"""


def kept_mib(how: str) -> float:
    """What a process holds of 19 MiB that it has freed."""
    run = subprocess.run([sys.executable, "-c", _KEPT_MIB, how], capture_output=True, text=True, check=True)
    return float(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's allocator")
def test_a_large_block_goes_back_when_it_is_freed() -> None:
    assert kept_mib("untold") > 10
    assert kept_mib("told") < 5
