"""Memory that is used again: without new pages inside the block, and given back after it."""

import resource
from pathlib import Path

import pytest
import torch

from wbtools.attribution.allocation import reused

MEGABYTE = 1 << 20


def new_pages(work):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def fill():
    torch.ones(40 * MEGABYTE // 4)


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.fixture(autouse=True)
def glibc():
    if new_pages(fill) < 1000:
        pytest.skip("this C library keeps large blocks anyway, or uses large pages")


def test_a_second_tensor_of_the_same_size_needs_no_new_pages_inside_the_block():
    with reused():
        fill()
        assert new_pages(fill) < 100


def test_after_the_block_large_blocks_are_new_again_and_nothing_is_kept():
    fill()
    before = resident()
    with reused():
        fill()
        assert resident() - before > 30 * MEGABYTE
    assert resident() - before < 20 * MEGABYTE
    assert new_pages(fill) > 1000
