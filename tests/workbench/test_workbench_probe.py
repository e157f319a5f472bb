"""Whether Workbench draws is found out by drawing, whatever it lists and reports."""

from __future__ import annotations

import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_workbenches import (
    BIND_MOUNTS,
    CRASH,
    DRAW,
    HANG,
    NO_OSMESA,
    SILENT,
    drawing_operation,
    pictures_of,
    write_broken,
    write_halves,
    write_workbench,
)
from test_workbench_runner import running
from workbench_session import Session

from wbtools.errors import CheckError, CommandError, CommandMissing
from wbtools.workbench import probe, render
from wbtools.workbench.runner import Drawing, Workbench

pytestmark = pytest.mark.workbench

CYAN, YELLOW, BLACK = (0, 255, 255), (255, 255, 0), (0, 0, 0)


def asked(folder: Path, version: str = "2.1.0", limit: float = 60.0, **operations: str) -> Drawing:
    folder.mkdir(exist_ok=True)
    return probe.drawing(Workbench.find(write_workbench(folder, version, **operations)), limit)


def test_the_installed_workbench_draws_and_the_record_of_commands_does_not_show_that_it_was_asked(
    wb: Workbench,
) -> None:
    before = len(wb.completed)
    drawing = probe.drawing(wb)
    assert (drawing.how, drawing.problem, drawing.usual) == (drawing_operation(wb), "", ())
    assert len(wb.completed) == before


def test_the_tiny_volume_is_what_nibabel_reads(tmp_path: Path) -> None:
    probe._tiny_scene(tmp_path / "halves.nii")
    image = nibabel.load(tmp_path / "halves.nii")
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert np.allclose(image.affine @ [1.5, 1.5, 1.5, 1], [0, 0, 0, 1])
    values = image.get_fdata()
    assert (values[:2] == -1).all() and (values[2:] == 1).all()
    assert struct.unpack("<i", (tmp_path / "halves.nii").read_bytes()[:4]) == (348,)


def test_a_version_2_that_draws_is_asked_by_its_newer_operation(tmp_path: Path) -> None:
    assert asked(tmp_path, capture=DRAW, show=NO_OSMESA).how == "-scene-capture-image"


@pytest.mark.parametrize("failing", [NO_OSMESA, CRASH, SILENT])
def test_the_other_operation_is_tried_where_the_first_fails(tmp_path: Path, failing: str) -> None:
    assert asked(tmp_path, capture=failing, show=DRAW).how == "-show-scene"


@pytest.mark.parametrize("operations", [{"capture": NO_OSMESA}, {"capture": NO_OSMESA, "show": NO_OSMESA}])
def test_a_build_without_osmesa_is_told_by_name_with_what_to_install(
    tmp_path: Path, operations: dict[str, str]
) -> None:
    drawing = asked(tmp_path, **operations)
    assert not drawing.how
    assert drawing.problem.startswith("this build of Workbench 2.1.0 lacks its renderer, OSMesa")
    assert "apt install connectome-workbench" in drawing.hint and "--renderer own" in drawing.hint


def test_a_version_that_lists_no_operation_is_told_so(tmp_path: Path) -> None:
    drawing = asked(tmp_path, "1.5.0")
    assert not drawing.how
    assert drawing.problem.startswith("Workbench 1.5.0 has neither -scene-capture-image nor -show-scene")


def test_a_program_that_tells_its_version_and_nothing_else_draws_none(tmp_path: Path) -> None:
    program = tmp_path / "wb_command"
    program.write_text('#!/bin/sh\n[ "$1" = -version ] && echo "Version: 2.0.1" || exit 3\n')
    program.chmod(0o755)
    problem = probe.drawing(Workbench.find(program)).problem
    assert problem.startswith("Workbench 2.0.1 draws no picture: wb_command does not answer to -list-commands")


def test_a_crash_is_told_with_its_signal(tmp_path: Path) -> None:
    assert asked(tmp_path, show=CRASH).problem.endswith("-show-scene failed: it was ended by signal 11")


def test_success_without_a_picture_is_none(tmp_path: Path) -> None:
    assert "wrote no halves.png" in asked(tmp_path, show=SILENT).problem
    assert "is no picture" in asked(tmp_path / "text", show='echo text > "$7"').problem


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (BLACK, BLACK, "drew a picture that is blank"),
        (CYAN, CYAN, "not the one that was to be drawn"),
        ((90, 90, 90), (200, 200, 200), "not the one that was to be drawn"),
        (YELLOW, CYAN, "whose left is on the right"),
    ],
)
def test_a_wrong_picture_is_none_though_success_is_reported(
    tmp_path: Path, left: tuple[int, int, int], right: tuple[int, int, int], words: str
) -> None:
    picture = write_halves(tmp_path / "other.png", left, right)
    drawing = asked(tmp_path, capture=pictures_of(str(picture)))
    assert not drawing.how and words in drawing.problem


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    assert "did not end within 1 s" in asked(tmp_path, limit=1.0, show=HANG).problem
    assert not running(Path("987.25"), "sleep")


def test_a_drawing_is_asked_for_once_of_a_program_however_often_it_is_found(tmp_path: Path) -> None:
    count = f"echo x >> {tmp_path}/times; {DRAW}"
    program = write_workbench(tmp_path, show=count)
    link = tmp_path / "link"
    link.symlink_to(program)
    for path in (program, program, link):
        assert probe.drawing(Workbench.find(path)).how == "-show-scene"
    assert (tmp_path / "times").read_text() == "x\n"


def test_a_program_that_was_changed_is_asked_again(tmp_path: Path) -> None:
    assert not asked(tmp_path, capture=NO_OSMESA).how
    write_workbench(tmp_path, capture=DRAW).touch()
    assert probe.drawing(Workbench.find(tmp_path / "wb_command")).how == "-scene-capture-image"


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandMissing, match=r"libOSMesa\.so\.8"):
        Workbench.find(write_broken(tmp_path)).version()


def test_what_is_printed_with_every_picture_spoils_none(session: Session, tmp_path: Path) -> None:
    noisy = Workbench.find(write_workbench(tmp_path, show=BIND_MOUNTS + DRAW))
    assert "bind mounts" in probe.drawing(noisy).usual[0]
    render.render(noisy, session.volume(), session.folder, tmp_path / "p.png")
    assert (tmp_path / "p.png").is_file()
    other = BIND_MOUNTS + 'case "$5" in *halves*) ;; *) echo ERROR: lost >&2;; esac; ' + DRAW
    (tmp_path / "other").mkdir()
    with pytest.raises(CheckError, match="after an error: ERROR: lost"):
        render.render(
            Workbench.find(write_workbench(tmp_path / "other", show=other)),
            session.volume(),
            session.folder,
            tmp_path / "q.png",
        )


def test_what_cannot_draw_is_refused_before_it_is_asked_for_a_scene(session: Session, tmp_path: Path) -> None:
    without = Workbench.find(write_workbench(tmp_path, capture=NO_OSMESA))
    with pytest.raises(CommandError, match="lacks its renderer, OSMesa"):
        render.render(without, session.volume(), session.folder, tmp_path / "p.png")
    assert not list(session.folder.glob(".*"))


def test_both_operations_draw_the_same(session: Session, wb: Workbench, tmp_path: Path) -> None:
    newer = Workbench.find(write_workbench(tmp_path, capture=DRAW))
    render.render(newer, session.overview(), session.folder, tmp_path / "a.png")
    render.render(wb, session.overview(), session.folder, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
