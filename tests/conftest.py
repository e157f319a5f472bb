"""What tests of several folders share, and how they share the machine when they run in parallel."""

from __future__ import annotations

import fcntl
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wbtools.errors import CommandMissing

if TYPE_CHECKING:
    from clusters import Cluster
    from workbench_session import Session

    from wbtools.subject.demo import Variant
    from wbtools.workbench.runner import Workbench

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""Processes that run tests at the same time."""

MEMORY_PER_WORKER = 3 * 2**30
"""What a process that exports takes, with the programs that it starts, bytes."""

if WORKERS > 1:
    # Libraries read these when they are imported. A thread that has nothing to do gives its core to the other workers.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // WORKERS)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell that runs the tests in the background has them ignore interruptions, and so would all programs they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """`-n auto` is one worker more than cores, since tests of batches mostly wait, if memory holds so many."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)) + 1, memory // MEMORY_PER_WORKER))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In parallel, files with slow tests come first, so that no worker is left with one at the end."""
    if WORKERS > 1:
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """`made_once(name, make)` is a folder that `make(folder)` filled, in whichever worker wanted it first."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if WORKERS > 1 else base) / "made_once"

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        shared.mkdir(exist_ok=True)
        with (shared / f"{name}.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            if not lock.read():
                make(shared / name)
                lock.write("made")
        return shared / name

    return folder


@pytest.fixture(scope="session")
def small_study(made_once: Callable[..., Path]) -> Callable[..., Path]:
    """`small_study("LAS")` is a study folder with the built-in subject 100307 at 4 mm, for reading only.

    The T1w has 46 x 55 x 46 voxels in the given orientation; the 32k meshes are whole, the native ones have 9,002
    vertices. With `variant="unmarked"` it has no marks, with `variant="average"` it is the undeformed group average.
    Each is made once (about 3 s).
    """

    @cache
    def build(orientation: str, variant: Variant) -> Path:
        def write(folder: Path) -> None:
            from wbtools.subject.demo import HCP_GRID, write_demo_subject

            grid = HCP_GRID.with_spacing(4.0).reoriented(orientation)
            write_demo_subject(folder, grid=grid, native_frequency=30, variant=variant)

        return made_once(f"{orientation}-{variant}", write)

    # One call of the cached function has one spelling, so that no study is made twice.
    return lambda orientation="LAS", *, variant="marked": build(orientation, variant)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Callable[[str], Cluster]]:
    """`cluster("slurm")` is a real cluster on this machine, begun when it is first wanted; skips without one."""
    from clusters import CLUSTERS

    with ExitStack() as later:
        yield cache(lambda engine: later.enter_context(CLUSTERS[engine]()))


@pytest.fixture(scope="session")
def twins(made_once: Callable[..., Path]) -> Path:
    """A small data set of twins, for reading only."""
    from made_learning import made_twins

    return made_once("twins", made_twins)


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
    small_study: Callable[..., Path], run_export: Callable[..., tuple[str, Path]], made_once: Callable[..., Path]
) -> tuple[str, Path]:
    """What the export of the small subject printed, and its folder, for reading only."""

    def write(out: Path) -> None:
        printed, _ = run_export(small_study("LAS"), out / "out", "--null", "4")
        (out / "printed.txt").write_text(printed)

    out = made_once("export", write)
    return (out / "printed.txt").read_text(), out / "out" / "100307"


@pytest.fixture(scope="session")
def exported_again(
    small_study: Callable[..., Path], run_export: Callable[..., tuple[str, Path]], made_once: Callable[..., Path]
) -> Path:
    """The same export once more, whose pictures wbtools itself drew, without a page; for reading only."""

    def write(out: Path) -> None:
        run_export(small_study("LAS"), out, "--null", "4", "--no-report", "--renderer", "own")

    return made_once("export-again", write) / "100307"


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
