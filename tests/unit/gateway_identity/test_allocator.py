"""What is freed goes back to the system."""

import platform
import subprocess
import sys

import pytest

_MEASURE = """
import resource, sys
from services.gateway.store.allocator import give_free_pages_back, give_large_blocks_back

def used():
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize() / 2**20

before = used()
"""
_LARGE_BLOCKS = """
if sys.argv[1] == "told":
    give_large_blocks_back()
for _ in range(3):
    block = bytearray(19 * 2**20)
    small = [bytes(600) for _ in range(100)]
    del block
print(used() - before)
"""
_BURST = """
blocks = [bytes(10_000) for _ in range(5_000)]
last = blocks[-1]
del blocks
if sys.argv[1] == "told":
    give_free_pages_back()
print(used() - before)
"""


def kept_mib(what: str, how: str) -> float:
    """What a process holds of 19, or 48, MiB that it has freed."""
    run = subprocess.run([sys.executable, "-c", _MEASURE + what, how], capture_output=True, text=True, check=True)
    return float(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's allocator")
@pytest.mark.parametrize("what", [_LARGE_BLOCKS, _BURST], ids=["large_blocks", "burst"])
def test_what_is_freed_goes_back(what: str) -> None:
    assert kept_mib(what, "untold") > 10
    assert kept_mib(what, "told") < 5
