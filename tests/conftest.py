"""What tests of several folders share."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wbtools.errors import CommandMissing

if TYPE_CHECKING:
    from workbench_session import Session

    from wbtools.workbench.runner import Workbench

# A shell that runs the tests in the background has them ignore interruptions, and so would all programs they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`small_study("LAS")` is a study folder with the built-in subject 100307 at 4 mm, for reading only.

    The T1w has 46 x 55 x 46 voxels in the given orientation; the 32k meshes are whole, the native ones have 9,002
    vertices. With `average=True` it is the undeformed group average. Each is made once (about 3 s).
    """

    @cache
    def build(orientation: str, average: bool) -> Path:
        from wbtools.subject.demo import HCP_GRID, write_demo_subject

        grid = HCP_GRID.with_spacing(4.0).reoriented(orientation)
        folder = tmp_path_factory.mktemp(orientation)
        return write_demo_subject(folder, grid=grid, native_frequency=30, average=average).parent

    # One call of the cached function has one spelling, so that no study is made twice.
    return lambda orientation="LAS", *, average=False: build(orientation, average)


@pytest.fixture(scope="session")
def run_export() -> Callable[..., tuple[str, Path]]:
    """`run_export(study, out, *options)` exports 100307 and gives what was printed and the published folder.

    Without randomised networks, which take most of the time, unless `--null` is among the options.
    """
    from click.testing import CliRunner

    from wbtools.cli import main

    def run(study: Path, out: Path, *options: str) -> tuple[str, Path]:
        null = () if "--null" in options else ("--null", "0")
        arguments = ["export-subject", "100307", "--study-folder", str(study), "--out", str(out), *null, *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return result.output, out / "100307"

    return run


@pytest.fixture(scope="session")
def exported(
    small_study: Callable[..., Path],
    run_export: Callable[..., tuple[str, Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path]:
    """What the export of the small subject printed, and its folder, for reading only."""
    return run_export(small_study("LAS"), tmp_path_factory.mktemp("out"), "--null", "4")


@pytest.fixture(scope="session")
def wb() -> Workbench:
    """The wb_command of this machine; skips where there is none."""
    from wbtools.workbench.runner import Workbench

    try:
        return Workbench.find()
    except CommandMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """The files of a small Workbench session."""
    from workbench_session import make_session

    return make_session(tmp_path / "out")
