"""Memory that is used again: without new pages inside the block, and given back after it."""

import subprocess
import sys

import pytest

# In a process of its own: what other tests left in the heap would serve these tensors.
PROGRAM = """
import resource, torch
from wbtools.attribution.runtime.memory import reused

def fill():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20

fill()
before, start = fill(), resident()
with reused():
    again, kept = sum(fill() for _ in range(10)), resident() - start
print(before, again, kept, resident() - start, fill())
"""


@pytest.fixture(scope="module")
def seen():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, again, kept, left, after = map(int, done.stdout.split())
    if before < 1000:
        pytest.skip("this C library keeps large blocks anyway, or uses large pages")
    return again, kept, left, after


def test_tensors_of_one_size_share_pages_inside_the_block(seen):
    again, kept, _, _ = seen  # an aligned one may miss the place of the one before, seldom more than three times
    assert again < 0.6 * 10 * 10 * 1024 and kept > 30


def test_after_the_block_nothing_is_kept_and_large_blocks_are_new_again(seen):
    _, _, left, after = seen
    assert left < 10 and after > 1000
