"""The whole line on a small subject: every file, every promise about it."""

import csv
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from made_workbenches import drawing_operation

import wbtools
from wbtools.anatomy import SUBCORTEX, Hemisphere
from wbtools.atlas import mmp
from wbtools.cli import main
from wbtools.images import gifti, nifti
from wbtools.report.person.viewing import viewer_of
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.workbench.command import DRAWING

QUICK = ("--no-render", "--no-report")


def test_every_documented_file_is_there(exported):
    _, folder = exported
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    expected = {
        "100307.unet.relevance.T1w.nii.gz",
        "100307.unet.heatmap.T1w.nii.gz",
        "100307.unet.heatmap_smooth.T1w.nii.gz",
        "100307.HCP-MMP1.T1w.nii.gz",
        "100307.HCP-MMP1+subcortex.T1w.nii.gz",
        "100307.unet.regions.tsv",
        "100307.unet.levels.tsv",
        *(f"100307.{s}.unet.{m}.func.gii" for s in "LR" for m in ("32k_fs_LR", "native")),
        *(f"100307.{s}.HCP-MMP1.{m}.label.gii" for s in "LR" for m in ("32k_fs_LR", "native")),
        "100307.unet.32k_fs_LR.dscalar.nii",
        "100307.unet.HCP-MMP1.pscalar.nii",
        "100307.HCP-MMP1.32k_fs_LR.dlabel.nii",
        "100307.32k_fs_LR.wb.spec",
        "100307.native.wb.spec",
        "100307.wbtools.scene",
        "provenance.json",
        "T1w/T1w_acpc_dc_restore_brain.nii.gz",
    }
    assert expected <= names


def test_the_terminal_shows_the_ten_strongest_regions_and_what_to_open(exported):
    printed, folder = exported
    assert re.search(rf"^Open: .*{re.escape(str(folder))}/100307\.wbtools\.scene", printed, re.MULTILINE)
    assert re.search(r"^ *10 +\S+", printed, re.MULTILINE)
    assert "not for science" in printed
    assert "no person" in printed


def test_the_decision_is_on_the_terminal_in_every_scene_and_on_record(exported):
    printed, folder = exported
    decided = json.loads((folder / "provenance.json").read_text())["networks"]["unet"]["decision"]
    (sentence,) = decided["in_words"]
    assert sentence.startswith("none; ") and decided["embeddings"][0]["person"] == "100307"
    assert f"unet: Decision: {sentence}" in printed.partition("regions with the highest")[0]
    assert f"unet: Explained: {decided['explained']}" in printed.partition("regions with the highest")[0]
    scenes = list(ET.parse(folder / "100307.wbtools.scene").iter("Scene"))
    assert all(f"Decision: {sentence}" in (scene.findtext("Description") or "") for scene in scenes)
    shown = (folder / "100307.L.unet.native.func.gii").read_text(errors="ignore")
    assert sentence[:40] in shown


def test_the_built_in_subject_is_another_brain_than_the_reference(exported):
    printed, folder = exported
    assert "rounding" not in printed
    explained = json.loads((folder / "provenance.json").read_text())["networks"]["unet"]["attribution"]
    assert explained["reference"]["note"] == "" and 0.8 < explained["reference"]["placed"]["correlation_after"] < 0.97
    assert explained["put_in"] > 0.1


def test_no_output_carries_an_absolute_path(exported, small_study):
    _, folder = exported
    forbidden = [str(small_study("LAS")).encode(), str(folder.parent).encode(), b"/tmp/", b"/root/", b"/home/"]
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".png":
            content = nibabel.openers.Opener(path).fobj.read() if path.suffix == ".gz" else path.read_bytes()
            assert not [word for word in forbidden if word in content], path.name


def test_the_record_holds_hashes_versions_conservation_and_notices(exported):
    output, folder = exported
    record = json.loads((folder / "provenance.json").read_text())
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(record["outputs_sha256"]) == names - {"provenance.json"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in record["inputs_sha256"].values())
    assert "T1w/T1w_acpc_dc_restore_brain.nii.gz" in record["inputs_sha256"]
    assert record["networks"]["unet"]["relevance_kept"] == pytest.approx(1, abs=0.01)
    network = record["networks"]["unet"]
    assert network["attribution"]["method"] == "deviation-smooth"
    assert network["attribution"]["conservation"] == pytest.approx(1, abs=0.01)
    assert "5 brains of the network's card" in network["attribution"]["reference"]["source"]
    assert network["trust"]["randomised_networks"] == 4
    assert network["trust"]["verdict"] in " ".join(output.split())
    assert network["against_randomised_networks"]["networks"] == 4
    assert record["subject"]["registration"] == "MSMAll"
    assert any("not for science" in notice for notice in record["notices"])
    assert {"numpy", "torch", "zennit"} <= set(record["versions"])


def test_table_volume_and_record_agree(exported):
    _, folder = exported
    with (folder / "100307.unet.regions.tsv").open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    relevance = nifti.read_volume(folder / "100307.unet.relevance.T1w.nii.gz", Unit.DENSITY)
    labels = nifti.read_volume(folder / "100307.HCP-MMP1+subcortex.T1w.nii.gz", Unit.LABEL)
    assert len(rows) == 360 + 19 + 1
    whole = json.loads((folder / "provenance.json").read_text())
    record = whole["networks"]["unet"]
    cut = whole["face"]["share_of_relevance_cut_from_volume"]["unet"] * record["relevance_on_t1w_grid"]
    assert 0 <= cut < 0.05 * record["relevance_on_t1w_grid"]
    for row, lost in [*((row, 0.0) for row in rows[:5]), (rows[-1], cut)]:
        inside = labels.data == int(row["key"])
        written = relevance.data[inside].sum() * relevance.grid.voxel_volume
        assert float(row["sum"]) == pytest.approx(written + lost, rel=1e-3)
    assert sum(float(row["share"]) for row in rows if row["share"] != "n/a") == pytest.approx(1, abs=1e-3)
    assert relevance.total() + cut == pytest.approx(record["relevance_on_t1w_grid"], rel=1e-3)
    assert "demonstration" in rows[0]["model"]


@pytest.mark.workbench
def test_workbench_reads_every_file_with_the_expected_rows_and_names(exported):
    _, folder = exported

    def information(name, *options):
        run = subprocess.run(
            ["wb_command", "-file-information", str(folder / name), *options],
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout

    for path in folder.rglob("*"):
        if path.suffix in {".gii", ".nii", ".gz", ".spec", ".scene"}:
            information(path.relative_to(folder))
    assert "CortexLeft" in information("100307.L.unet.native.func.gii")
    assert "CortexRight" in information("100307.R.unet.32k_fs_LR.func.gii")
    dense = information("100307.unet.32k_fs_LR.dscalar.nii")
    assert re.search(r"CortexLeft: +29696 out of 32492 vertices", dense)
    assert re.search(r"CortexRight: +29716 out of 32492 vertices", dense)
    assert all(re.search(rf"{structure.gifti}: +\d+ voxels", dense) for structure in SUBCORTEX)
    assert re.search(r"Number of Rows: +59412", information("100307.HCP-MMP1.32k_fs_LR.dlabel.nii"))
    assert re.search(r"Number of Rows: +360", information("100307.unet.HCP-MMP1.pscalar.nii"))
    assert "R_V1_ROI" in information("100307.HCP-MMP1.T1w.nii.gz")


def test_labels_keep_the_official_keys_names_and_colours(exported):
    _, folder = exported
    expected = {area.key: (area.name, area.colour) for area in mmp.regions()}
    for side in Hemisphere:
        for mesh in ("32k_fs_LR", "native"):
            keys, table = gifti.read_labels(folder / f"100307.{side.letter}.HCP-MMP1.{mesh}.label.gii", side)
            assert set(np.unique(keys)) <= {0, *expected}
            for key, (name, colour) in expected.items():
                assert table[key][0] == name
                assert np.allclose(table[key][1], colour, atol=1e-4)
            assert {table[key][0][0] for key in np.unique(keys) if key} == {side.letter}


def test_the_medial_wall_is_empty(exported, small_study):
    _, folder = exported
    for side in Hemisphere:
        wall = small_study("LAS") / f"100307/MNINonLinear/Native/100307.{side.letter}.roi.native.shape.gii"
        roi = next(iter(gifti.read_metrics(wall, side).values()))
        for values in gifti.read_metrics(folder / f"100307.{side.letter}.unet.native.func.gii", side).values():
            assert not values[roi == 0].any()


def test_the_parcels_are_the_table(exported):
    _, folder = exported
    parcels = nibabel.load(folder / "100307.unet.HCP-MMP1.pscalar.nii")
    with (folder / "100307.unet.regions.tsv").open() as stream:
        rows = {row["region"]: row for row in csv.DictReader(stream, delimiter="\t")}
    scores = parcels.get_fdata()[1]
    for name, score in zip(parcels.header.get_axis(1).name, scores, strict=True):
        assert score == pytest.approx(0 if rows[name]["score"] == "n/a" else float(rows[name]["score"]), abs=1e-5)
    assert parcels.shape == (6, 360)  # three compare with randomised networks


def test_every_vertex_has_the_tables_score_of_its_area_on_every_mesh(exported):
    _, folder = exported
    with (folder / "100307.unet.regions.tsv").open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    scores = np.zeros(500)
    for row in rows:
        scores[int(row["key"])] = 0 if row["score"] == "n/a" else float(row["score"])
    dense = nibabel.load(folder / "100307.unet.32k_fs_LR.dscalar.nii")
    models = {name: (where, axis.vertex) for name, where, axis in dense.header.get_axis(1).iter_structures()}
    for side in Hemisphere:
        for mesh in ("32k_fs_LR", "native"):
            keys, _ = gifti.read_labels(folder / f"100307.{side.letter}.HCP-MMP1.{mesh}.label.gii", side)
            maps = gifti.read_metrics(folder / f"100307.{side.letter}.unet.{mesh}.func.gii", side)
            assert np.abs(maps["heatmap"] - scores[keys]).max() < 1e-6
            assert not maps["heatmap_smooth"][keys == 0].any()
            assert 0.2 < maps["heatmap_smooth"].max() <= 1  # an area far ahead of its neighbours is smoothed away most
            if mesh == "32k_fs_LR":
                where, vertices = models[side.cortex.cifti]
                for row, name in ((1, "heatmap"), (2, "heatmap_smooth")):
                    np.testing.assert_array_equal(dense.get_fdata(dtype=np.float32)[row][where], maps[name][vertices])


def test_scenes_and_specs_name_only_files_that_exist_inside_the_folder(exported):
    _, folder = exported
    scene = ET.parse(folder / "100307.wbtools.scene")
    paths = {e.text for e in scene.iter("Object") if e.get("Type") == "pathName" and e.text}
    for mesh in ("32k_fs_LR", "native"):
        paths |= {(e.text or "").strip() for e in ET.parse(folder / f"100307.{mesh}.wb.spec").iter("DataFile")}
    assert len(paths) > 20
    for path in paths:
        assert not path.startswith("/")
        assert (folder / path).resolve().is_relative_to(folder.resolve())
        assert (folder / path).is_file(), path
    assert len(list(scene.iter("Scene"))) >= 5


@pytest.mark.workbench
def test_every_scene_has_its_picture_and_still_draws_after_the_folder_moved(exported, wb, tmp_path):
    _, folder = exported
    names = [e.findtext("Name") for e in ET.parse(folder / "100307.wbtools.scene").iter("Scene")]
    assert len(list((folder / "figures").glob("*.png"))) == len(names)
    shutil.copytree(folder, tmp_path / "moved elsewhere")
    png = tmp_path / "moved.png"
    words = DRAWING[drawing_operation(wb)](tmp_path / "moved elsewhere/100307.wbtools.scene", 1, png, (800, 500)).argv
    run = subprocess.run(["wb_command", "-logging", "WARNING", *words], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert png.stat().st_size > 10_000


def test_the_pages_viewer_shows_what_the_files_hold(exported):
    # It is made of what was computed, while Workbench draws; `wbtools report` makes it of the files.
    _, folder = exported
    assert str(viewer_of(wbtools.open(folder))) in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_exporting_again_gives_the_same_bytes(exported, exported_again):
    # Everything but the record and the page (which hold times) and pictures (which another renderer drew).
    _, folder = exported
    again = exported_again
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and path.suffix not in {".png", ".jpg", ".scene", ".json", ".html"}:
            assert path.read_bytes() == (again / name).read_bytes(), name


def test_ras_and_las_scans_give_the_same_table(exported, small_study, tmp_path, run_export):
    # Float32 sums in another order: 1e-3 of the largest share.
    _, folder = exported
    _, mirrored = run_export(small_study("RAS"), tmp_path, *QUICK)

    def table(where):
        with (where / "100307.unet.regions.tsv").open() as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            return {row["region"]: (float(row["volume_mm3"]), row["sum"]) for row in rows}

    ours, theirs = table(folder), table(mirrored)
    total = max(abs(float(s)) for _, s in ours.values())
    for region, (volume, amount) in ours.items():
        assert theirs[region][0] == pytest.approx(volume, rel=0.01, abs=130)
        assert float(theirs[region][1]) == pytest.approx(float(amount), abs=0.01 * total)


@pytest.mark.parametrize("orientation", ["LAS", "RAS"])
def test_left_is_left_through_every_stage(small_study, orientation):
    from wbtools.native import cortex
    from wbtools.native.projection import NativeProjection
    from wbtools.subject import find

    subject = find(small_study(orientation), "100307")
    grid: Grid = nifti.read_grid(subject.t1w)
    assert grid.orientation == orientation
    x = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))[..., 0]
    left = Volume((x < 0).astype(np.float32), grid)
    projection = NativeProjection(threads=2)
    for mesh in subject.meshes:
        surfaces = cortex.read(subject, mesh)
        maps = projection.metrics(surfaces, [left])
        # The medial cortex comes within a 4 mm voxel of the midline: a little of each side may cross.
        assert maps[Hemisphere.LEFT][0][surfaces.mask[Hemisphere.LEFT]].mean() > 0.97
        assert maps[Hemisphere.RIGHT][0][surfaces.mask[Hemisphere.RIGHT]].mean() < 0.03
    standard = cortex.read(subject, "32k_fs_LR")
    labels, _ = projection.volume(standard, cortex.standard_areas(standard, mmp.ATLAS), grid)
    assert (labels.data[(x < -6)] <= 180).sum() == (labels.data[(x < -6)] == 0).sum()
    assert (labels.data[(x > 6)] <= 180).all()


def test_two_networks_are_exported_side_by_side(small_study, tmp_path, run_export):
    from importlib import resources

    with resources.as_file(resources.files("wbtools") / "data" / "demo_unet.pt") as built_in:
        other = tmp_path / "other one.pt"
        shutil.copy(built_in, other)
        first = tmp_path / "first.pt"
        shutil.copy(built_in, first)
    _, folder = run_export(
        small_study("LAS"),
        tmp_path / "out",
        "--no-render",
        "--mesh",
        "32k",
        "--model",
        str(first),
        "--model",
        str(other),
    )
    tables = sorted(path.name for path in folder.glob("*.regions.tsv"))
    assert tables == ["100307.unet-first.regions.tsv", "100307.unet-other-one.regions.tsv"]
    assert not list(folder.glob("*native*"))


def test_a_dry_run_writes_nothing(small_study, tmp_path):
    arguments = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(main, [*arguments, "--dry-run"])
    assert result.exit_code == 0
    assert "would write" in result.output
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_without_workbench_wbtools_draws_and_says_so(small_study, tmp_path, monkeypatch, run_export):
    monkeypatch.setenv("PATH", "/nonexistent")
    printed, folder = run_export(small_study("LAS"), tmp_path, "--mesh", "native")
    assert "own renderer: wb_command is not installed (not on PATH)." in " ".join(printed.split())
    assert "100307.wbtools.scene, once wb_view is installed" in printed and "-scene-load" not in printed
    assert (folder / "100307.wbtools.scene").is_file() and (folder / "100307.unet.input.jpg").is_file()
    pictures = list((folder / "figures").glob("*.png"))
    assert pictures and (folder / "100307.wbtools.scene").read_text().count('Format="png"') == len(pictures)
    record = json.loads((folder / "provenance.json").read_text())
    assert record["pictures"]["renderer"] == "wbtools" and "workbench" not in record
    assert {f"figures/{png.name}" for png in pictures} <= record["outputs_sha256"].keys()


def test_weights_kept_in_a_work_folder_change_nothing(exported, small_study, tmp_path, run_export):
    _, folder = exported
    work = str(tmp_path / "work")
    for name in ("first", "second"):
        _, again = run_export(small_study("LAS"), tmp_path / name, *QUICK, "--null", "4", "--work", work)
        for path in folder.glob("*.func.gii"):
            assert path.read_bytes() == (again / path.name).read_bytes()
    weights = [path for path in (tmp_path / "work").iterdir() if not path.name.startswith("null-")]
    assert len(weights) == 6  # thick columns of two meshes, thin ones of one, both sides
