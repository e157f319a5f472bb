from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from workbench_session import Session, file_information, icosphere, metric_mask, write_metric

from wbtools.anatomy import Hemisphere
from wbtools.errors import CommandError, CommandMissing, InputError
from wbtools.surfaces.mesh import write
from wbtools.workbench import runner
from wbtools.workbench.command import Command
from wbtools.workbench.runner import Workbench, sentence


def test_a_missing_program_ends_in_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandMissing, match="not installed") as caught:
        Workbench.find()
    assert "apt install connectome-workbench" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_file_that_is_no_program_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "wb_command"
    text.write_text("not a program")
    with pytest.raises(CommandMissing, match="is not a program"):
        Workbench.find(text)


def test_another_program_is_not_taken_for_workbench() -> None:
    with pytest.raises(CommandMissing):
        Workbench.find(Path("/bin/true")).version()


def test_the_sentence_leaves_out_the_command_line() -> None:
    printed = "\nWhile running:\nwb_command -label-resample a b\n\nERROR: invalid method name\n\n"
    assert sentence(printed) == "invalid method name"
    assert sentence("") == ""
    assert sentence("first\nlast words\n\n") == "last words"


@pytest.mark.workbench
def test_the_installed_version_is_asked_what_it_can_do(wb: Workbench) -> None:
    assert wb.version()[0].isdigit()
    assert {"-metric-mask", "-volume-affine-resample"} <= wb.commands()


@pytest.mark.workbench
def test_a_run_is_recorded_without_telling_where_the_files_lie(session: Session) -> None:
    wb = Workbench.find()
    metric, roi = session.metrics[0].path, session.folder / "roi.shape.gii"
    write_metric(roi, Hemisphere.LEFT, np.r_[np.ones(600), np.zeros(42)])
    out = session.folder / "masked.func.gii"
    done = wb.run(metric_mask(metric, roi, out), threads=1)
    assert done.argv == ("-metric-mask", metric.name, "roi.shape.gii", "masked.func.gii")
    assert wb.completed == [done]
    assert done.seconds > 0
    assert str(session.folder).encode() not in out.read_bytes()


@pytest.mark.workbench
def test_relative_paths_are_meant_from_the_working_folder(session: Session, wb: Workbench) -> None:
    roi = session.folder / "roi.shape.gii"
    write_metric(roi, Hemisphere.LEFT, np.ones(642))
    wb.run(metric_mask(Path("L.maps.func.gii"), Path(roi.name), Path("o.func.gii")), cwd=session.folder)
    assert (session.folder / "o.func.gii").stat().st_size > 0


@pytest.mark.workbench
def test_a_failing_command_speaks_in_workbenchs_words_and_leaves_no_output(session: Session, wb: Workbench) -> None:
    wrong = session.folder / "roi.shape.gii"
    write_metric(wrong, Hemisphere.LEFT, np.ones(12))
    out = session.folder / "out.func.gii"
    out.write_text("from an earlier run")
    before = len(wb.completed)
    with pytest.raises(CommandError, match=r"-metric-mask failed: .*(number|vertices|nodes)") as caught:
        wb.run(metric_mask(session.metrics[0].path, wrong, out))
    assert caught.value.status
    assert "While running" not in str(caught.value)
    assert not out.exists()
    assert len(wb.completed) == before


@pytest.mark.workbench
def test_a_missing_input_is_named_before_anything_runs(wb: Workbench, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.func\.gii does not exist"):
        wb.run(file_information(tmp_path / "nothing.func.gii"))


@pytest.mark.workbench
def test_a_command_that_this_version_lacks_is_named(wb: Workbench) -> None:
    with pytest.raises(CommandMissing, match="has no -make-coffee"):
        wb.run(Command(("-make-coffee",)))


@pytest.mark.workbench
def test_success_without_an_output_is_a_failure(session: Session, wb: Workbench) -> None:
    silent = Command(("-file-information", str(session.areas)), (session.areas,), (session.folder / "never.txt",))
    with pytest.raises(CommandError, match=r"wrote no never\.txt"):
        wb.run(silent)


def printing(folder: Path, lines: str) -> Workbench:
    """A program of these lines of a shell."""
    program = folder / "wb_command"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return Workbench.find(program)


def test_of_a_program_that_prints_without_end_no_more_than_the_beginning_is_kept(tmp_path: Path) -> None:
    argv = (str(printing(tmp_path, "yes").program),)
    tracemalloc.start()
    with pytest.raises(subprocess.TimeoutExpired):
        runner._execute(argv, 1, None, 1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * runner._LONGEST_OUTPUT, "a second of yes is a gigabyte"
    assert not running(tmp_path, "yes")


def test_all_that_is_printed_is_read_be_it_no_text(tmp_path: Path) -> None:
    wb = printing(tmp_path, r"seq 100000; printf '\377\n'; seq 100000 >&2")
    status, stdout, stderr = runner._execute((str(wb.program),), 1, None)
    numbers = "".join(f"{number}\n" for number in range(1, 100001))
    assert (status, stdout, stderr) == (0, numbers + "\ufffd\n", numbers)


@pytest.mark.parametrize("limit", [None, 60.0])
def test_an_interruption_is_one_though_the_program_ends_with_it(tmp_path: Path, limit: float | None) -> None:
    wb = printing(tmp_path, f"sleep .2; kill -INT {os.getpid()}; exit 1")
    with pytest.raises(KeyboardInterrupt):
        runner._execute((str(wb.program),), 1, None, limit)
    assert not running(tmp_path, "wb_command")


SMOOTHING = """
import sys
from pathlib import Path
from wbtools.workbench import command
from wbtools.workbench.runner import Workbench
folder = Path(sys.argv[1])
surface, metric, smooth = (folder / name for name in ("L.pial.surf.gii", "many.func.gii", "slow.func.gii"))
big = command.Command(
    ("-metric-smoothing", str(surface), str(metric), "60", str(smooth), "-method", "GEO_GAUSS"),
    (surface, metric), (smooth,))
print("ready", flush=True)
Workbench.find().run(big)
"""


@pytest.mark.workbench
def test_an_interruption_ends_the_program_and_leaves_no_output(session: Session) -> None:
    mesh = icosphere(Hemisphere.LEFT, times=6)  # large enough to smooth for much longer than this test waits
    write(session.folder / "L.pial.surf.gii", mesh, "pial")
    write_metric(session.folder / "many.func.gii", Hemisphere.LEFT, np.ones(len(mesh.vertices)))
    with subprocess.Popen(
        [sys.executable, "-c", SMOOTHING, str(session.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        assert _until(lambda: running(session.folder, "-metric-smoothing"), 20)
        os.kill(process.pid, signal.SIGINT)  # to Python alone: the program must be ended by the runner
        process.wait(20)
    assert process.returncode != 0
    assert not running(session.folder, "-metric-smoothing")
    assert not (session.folder / "slow.func.gii").exists()


def running(folder: Path, word: str) -> bool:
    """Whether a program of this command line runs (Linux)."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if word.encode() + b"\0" in line and str(folder).encode() in line:
            return True
    return False


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_no_library_of_the_working_directory_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So ends what OpenCV writes there when a program imports it.
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/lib:")
    program = tmp_path / "wb_command"
    program.write_text('#!/bin/sh\nprintf "Version: %s\\n" "$LD_LIBRARY_PATH"\n')
    program.chmod(0o755)
    assert runner._execute((str(program),), 1, tmp_path)[1] == "Version: /usr/lib\n"


@pytest.mark.workbench
@pytest.mark.parametrize("temporary", ["there", "nowhere"])
def test_nothing_is_left_among_temporary_data_or_where_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: str
) -> None:
    # Workbench makes a folder for films whatever it is asked: in TMPDIR, or in the working directory.
    (tmp_path / "there").mkdir()
    (tmp_path / "called").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    runner._execute((str(Workbench.find().program), "-version"), 1, tmp_path / "called")
    assert not list((tmp_path / "there").iterdir()) and not list((tmp_path / "called").iterdir())
