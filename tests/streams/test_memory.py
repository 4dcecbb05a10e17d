"""Memory: buffers that come and go cost no page faults, where the C library can be told."""

import platform
import subprocess
import sys

import pytest

COUNTS_FAULTS = """
import resource, sys
from streams import memory
if sys.argv[1] == "kept":
    memory.keep_buffers()

def many():
    return [b"x" * 4_000_000 for _ in range(16)]

many()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    many()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(way: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", COUNTS_FAULTS, way], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library does as it likes")
def test_buffers_that_are_freed_and_taken_again_cost_no_page_faults() -> None:
    assert page_faults("kept") * 10 < page_faults("as it is")
