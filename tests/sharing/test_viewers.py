"""Lines that open results in other programs: files are there, numbers are those of scenes, and shells read them."""

import ast
import shlex
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner

import wbtools
from wbtools.cli import main
from wbtools.cli.sharing.viewer_lines import print_opening
from wbtools.errors import InputError
from wbtools.sharing.pack_file import PackOptions, pack
from wbtools.sharing.viewers import VIEWERS, lines
from wbtools.workbench import palette

ODD = 'it\'s "a" $HOME; folder\x1b[31m'


@pytest.fixture(scope="module")
def folder(exported):
    return exported[1]


@pytest.fixture(scope="module")
def found(folder):
    return {line.title: line.words for line in lines(wbtools.open(folder))}


def test_there_is_a_line_for_every_viewer(found):
    assert list(found) == [viewer.title for viewer in VIEWERS.values()]
    assert [words[0] for words in found.values()] == ["fsleyes", "itksnap", "Slicer", "freeview"]


def test_every_file_that_is_named_is_there(found):
    names = [word for title in ("FSLeyes", "ITK-SNAP") for word in found[title] if word.startswith("/")]
    names += [part.removeprefix(key) for word in found["freeview"][1:] for part in word.split(":")
              for key in ("overlay=", "annot=", "") if part.startswith(f"{key}/")]  # fmt: skip
    assert len(names) >= 15 and all(Path(name).is_file() for name in names)


def test_the_overlay_has_the_scale_and_the_threshold_of_the_scenes(found, folder):
    data = np.asarray(nibabel.load(folder / "100307.unet.relevance.T1w.nii.gz").dataobj)
    shown = palette.positive(data[data != 0])
    words = found["FSLeyes"]
    place = words.index("-dr")
    assert [float(word) for word in words[place + 1 : place + 3]] == pytest.approx([0, shown.high], rel=1e-3)
    assert words[place + 3] == "-cr"
    assert float(words[place + 4]) == pytest.approx(shown.threshold, rel=1e-3)
    assert float(words[place + 5]) > data.max()
    (heat,) = [word for word in found["freeview"] if "heatscale=" in word]
    low, _, high = heat.split("heatscale=")[1].split(":")[0].split(",")
    assert (float(low), float(high)) == pytest.approx((shown.threshold, shown.high), rel=1e-3)


def called(code):
    """The calls of a program's code, with their constant arguments, in order."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return {ast.unparse(call.func).rpartition(".")[2]: [ast.literal_eval(each) for each in call.args] for call in calls}


def test_slicers_code_is_python_and_names_the_files(found, folder):
    calls = called(found["3D Slicer"][2])
    assert Path(calls["loadLabelVolume"][0]).name == "100307.HCP-MMP1+subcortex.T1w.nii.gz"
    assert {"loadVolume", "SetLowerThreshold", "SetWindowLevelMinMax", "setSliceViewerLayers"} <= calls.keys()


def test_odd_names_reach_the_programs_as_they_are(folder, tmp_path):
    odd = shutil.copytree(folder, tmp_path / ODD)
    run = CliRunner().invoke(main, ["report", str(odd), "--print-viewers"])
    assert run.exit_code == 0 and "\x1b" not in run.output
    words = {line.title: line.words for line in lines(wbtools.open(odd))}
    assert Path(called(words["3D Slicer"][2])["loadLabelVolume"][0]).is_file()
    plain = shutil.copytree(folder, tmp_path / "it's $HOME; plain")
    run = CliRunner().invoke(main, ["report", str(plain), "--print-viewers"])
    said = dict(line.split(": ", 1) for line in run.output.splitlines())
    for line in lines(wbtools.open(plain)):
        assert tuple(shlex.split(said[line.title])) == line.words


def test_freeview_gets_no_line_where_a_name_would_end_at_its_separators(folder, tmp_path):
    odd = shutil.copytree(folder, tmp_path / "a:b")
    (line,) = [line for line in lines(wbtools.open(odd)) if line.title == "freeview"]
    assert not line.words and "end a file's name" in line.problem


def test_an_unpacked_pack_without_the_t1w_gets_lines_for_what_is_there(folder, tmp_path):
    packed = pack(folder, tmp_path / "p.zip", PackOptions(t1w=False, draw=False)).file
    shutil.unpack_archive(packed, tmp_path / "out")
    run = CliRunner().invoke(main, ["report", str(tmp_path / "out" / "100307"), "--print-viewers"])
    assert run.exit_code == 0, run.output
    words = {line.title: line.words for line in lines(wbtools.open(tmp_path / "out" / "100307"))}
    assert list(words) == [viewer.title for viewer in VIEWERS.values()]
    assert not [word for each in words.values() for word in each if "T1w_acpc" in word or "None" in word]
    assert all(any("relevance" in word for word in each) for each in words.values())
    calls = called(words["3D Slicer"][2])
    assert Path(calls["loadVolume"][0]).is_file() and "setSliceViewerLayers" in calls
    assert "background=relevance" in words["3D Slicer"][2] and words["ITK-SNAP"][1] == "-g"


def test_a_zip_file_is_refused(folder, tmp_path):
    packed = pack(folder, tmp_path / "p.zip", PackOptions(draw=False)).file
    with pytest.raises(InputError, match="viewers do not open"):
        lines(wbtools.open(packed))


@pytest.mark.parametrize("installed", [True, False])
def test_a_scene_is_opened_by_a_line_or_by_what_to_install_first(tmp_path, monkeypatch, capsys, installed):
    if installed:
        (tmp_path / "wb_view").write_text("#!/bin/sh\n")
        (tmp_path / "wb_view").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    print_opening(Path("out/1/a b.scene"))
    (printed,) = capsys.readouterr().out.splitlines()
    if installed:
        assert shlex.split(printed.removeprefix("Open:")) == [
            "wb_view", "-no-splash", "-scene-load", "out/1/a b.scene", "1"
        ]  # fmt: skip
    else:
        assert printed.startswith("Open:  out/1/a b.scene, once wb_view is installed")
        assert "-scene-load" not in printed and "apt install connectome-workbench" in printed
