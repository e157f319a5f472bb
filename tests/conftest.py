"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`small_study("LAS")` is a study folder with the built-in subject 100307 at 4 mm, for reading only.

    The T1w has 46 x 55 x 46 voxels in the given orientation; the 32k meshes are whole, the native ones have 9,002
    vertices. Made once per orientation (about 3 s).
    """

    @cache
    def build(orientation: str = "LAS") -> Path:
        from wbtools.subject.demo import HCP_GRID, write_demo_subject

        grid = HCP_GRID.with_spacing(4.0).reoriented(orientation)
        return write_demo_subject(tmp_path_factory.mktemp(orientation), grid=grid, native_frequency=30).parent

    return build
