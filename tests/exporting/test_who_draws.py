"""Workbench draws where it is installed and can; else wbtools does, and the reason is kept."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from made_workbenches import DRAW, NO_OSMESA, drawing_operation, write_broken, write_workbench
from PIL import Image

from wbtools.batch.state.export import BatchExport, as_json
from wbtools.cli import main
from wbtools.cli.batch.payload import ExportPayload
from wbtools.drawing.renderer_choice import choose, look
from wbtools.errors import CommandError, CommandMissing
from wbtools.exporting.settings import ExportSettings
from wbtools.provenance import settings_sha256
from wbtools.subject.selection import NOBODY
from wbtools.version import __version__

workbench = pytest.mark.workbench


@workbench
@pytest.mark.parametrize("asked", ["auto", "workbench"])
def test_workbench_draws_where_it_can(wb, asked):
    renderer = choose(asked, wb)
    assert renderer.workbench is wb and renderer.notice == ""
    assert renderer.as_record() == {
        "renderer": "Workbench",
        "version": wb.version(),
        "command": drawing_operation(wb),
    }


def test_wbtools_draws_where_workbench_is_not_installed(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    renderer = choose()
    reason = "wb_command is not installed (not on PATH)"
    assert renderer.as_record() == {"renderer": "wbtools", "version": __version__, "reason": reason}
    assert renderer.notice == f"Pictures were drawn by wbtools' own renderer: {reason}."
    with pytest.raises(CommandMissing, match="not on PATH") as caught:
        choose("workbench")
    assert "apt install connectome-workbench" in caught.value.hint and "without --renderer" in caught.value.hint


@workbench
def test_wbtools_draws_where_workbench_cannot_and_the_missing_renderer_is_on_record(tmp_path):
    found = look(write_workbench(tmp_path, capture=NO_OSMESA, show=NO_OSMESA))
    renderer = choose("auto", found)
    assert renderer.workbench is None and "lacks its renderer, OSMesa" in renderer.notice
    with pytest.raises(CommandError, match=r"this build of Workbench 2\.1\.0 lacks its renderer, OSMesa"):
        choose("workbench", found)


def test_a_workbench_that_does_not_start_is_on_record_without_its_folder(tmp_path):
    found = look(write_broken(tmp_path))
    assert isinstance(found, CommandMissing)
    reason = choose("auto", found).reason
    assert "libOSMesa.so.8" in reason and "/" not in reason


@workbench
def test_whoever_asks_for_wbtools_gets_it(wb):
    assert choose("own", wb).as_record()["renderer"] == "wbtools"


def test_where_workbench_draws_the_own_renderer_is_not_loaded():
    code = (
        "import sys, wbtools.exporting.pipeline, wbtools.group.group_folder; "
        "print(sorted({'wbtools.drawing.renderer', 'wbtools.drawing.triangles'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@workbench
def test_a_worker_asks_once_for_all_of_its_subjects(tmp_path):
    program = write_workbench(tmp_path, show=f"echo x >> {tmp_path}/times; {DRAW}")
    options = as_json(BatchExport(tmp_path, settings=ExportSettings(wb_command=program, threads=1)))
    ExportPayload(options, tmp_path / "out", 1).warm()
    assert (tmp_path / "times").read_text() == "x\n"
    child = os.fork()
    if not child:
        os._exit(choose("auto", look(program)).workbench is None)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "times").read_text() == "x\n"


def test_the_renderer_decides_no_result():
    records = [ExportSettings(renderer=name, threads=1).as_record(NOBODY) for name in ("auto", "workbench", "own")]
    assert len({settings_sha256(record, []) for record in records}) == 1


@workbench
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_workbench_that_is_asked_for_and_cannot_draw_ends_in_one_sentence(small_study, tmp_path, dry):
    program = write_workbench(tmp_path, capture=NO_OSMESA)
    words = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(tmp_path / "out")]
    run = CliRunner().invoke(main, [*words, "--renderer", "workbench", "--wb-command", str(program), *dry])
    assert run.exit_code == 4
    said = " ".join(run.output.split())
    assert "Error: this build of Workbench 2.1.0 lacks its renderer, OSMesa" in said and "Hint: install a build" in said
    assert not (tmp_path / "out" / "100307").exists()


@workbench
def test_the_doctor_says_who_draws(tmp_path, wb):
    def said(*options):
        return " ".join(CliRunner().invoke(main, ["doctor", *options]).output.split())

    assert f"pictures by Workbench: drawn by {drawing_operation(wb)}" in said()
    without = said("--wb-command", str(write_workbench(tmp_path, capture=NO_OSMESA)))
    assert "pictures by Workbench: not drawn: this build of Workbench 2.1.0 lacks its renderer, OSMesa" in without
    assert "pictures by wbtools: always there" in without


@workbench
@pytest.mark.slow
def test_an_export_whose_workbench_cannot_draw_has_all_pictures_and_says_by_whom(
    exported, small_study, tmp_path, run_export
):
    program = write_workbench(tmp_path, capture=NO_OSMESA, show=NO_OSMESA)
    printed, folder = run_export(small_study("LAS"), tmp_path / "out", "--null", "4", "--wb-command", str(program))
    assert "lacks its renderer, OSMesa" in " ".join(printed.split())
    pictures = {png.name for png in (exported[1] / "figures").glob("*.png")}
    assert pictures and {png.name for png in (folder / "figures").glob("*.png")} == pictures
    record = json.loads((folder / "provenance.json").read_text())
    assert record["pictures"]["renderer"] == "wbtools" and record["workbench"] == "2.1.0"
    usual = json.loads((exported[1] / "provenance.json").read_text())
    assert usual["pictures"]["renderer"] == "Workbench" and usual["settings_sha256"] == record["settings_sha256"]
    report = (folder / "report.html").read_text()
    assert "Pictures were drawn by wbtools itself" in report
    assert not re.search(r"Pictures were drawn by Connectome Workbench", report)
    for name in pictures:
        mine, theirs = (Image.open(each / "figures" / name) for each in (folder, exported[1]))
        assert mine.size == theirs.size
    tables = [(each / "100307.unet.regions.tsv").read_bytes() for each in (folder, exported[1])]
    assert tables[0] == tables[1]
