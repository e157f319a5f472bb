"""An export with the map of a second method beside the first, in the same files, table and scenes."""

import csv
import json
import shutil
import xml.etree.ElementTree as ET

import nibabel
import numpy as np
import pytest

from wbtools.anatomy import Hemisphere
from wbtools.images import gifti, nifti

FIRST, SECOND = "deviation", "gradient-x-difference"
MAPS = ["relevance", "heatmap", "heatmap_smooth"]
BOTH = [*MAPS, *(f"{name} {SECOND}" for name in MAPS)]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(small_study, run_export, tmp_path_factory):
    """What was printed, and the folder of both methods; the folders of each method alone."""
    study, out = small_study("LAS"), tmp_path_factory.mktemp("second")
    quick = ("--mesh", "32k", "--threads", "1")
    draw = () if shutil.which("wb_command") else ("--no-render",)
    printed, folder = run_export(study, out / "both", *quick, *draw, "--method", FIRST, "--also", SECOND)
    alone = [
        run_export(study, out / name, *quick, "--no-render", "--no-report", "--method", name)[1]
        for name in (FIRST, SECOND)
    ]
    return printed, folder, alone


def table(folder):
    return list(csv.DictReader((folder / "100307.unet.regions.tsv").open(), delimiter="\t"))


def record(folder):
    return json.loads((folder / "provenance.json").read_text())


def test_volumes_of_either_method_are_those_of_that_method_alone(both):
    _, folder, alone = both
    for name in MAPS:
        for middle, other in zip(("", f".{SECOND}"), alone, strict=True):
            found = nifti.read_volume(folder / f"100307.unet{middle}.{name}.T1w.nii.gz").data
            np.testing.assert_array_equal(found, nifti.read_volume(other / f"100307.unet.{name}.T1w.nii.gz").data)


def test_files_of_several_maps_hold_those_of_both_methods_by_name(both):
    _, folder, alone = both
    for side in Hemisphere:
        name = f"100307.{side.letter}.unet.32k_fs_LR.func.gii"
        found = gifti.read_metrics(folder / name)
        assert list(found) == BOTH
        for place, other in enumerate(alone):
            for title, values in gifti.read_metrics(other / name).items():
                np.testing.assert_array_equal(found[BOTH[MAPS.index(title) + 3 * place]], values)
    dense = nibabel.load(folder / "100307.unet.32k_fs_LR.dscalar.nii")
    assert list(dense.header.get_axis(0).name) == BOTH
    parcels = nibabel.load(folder / "100307.unet.HCP-MMP1.pscalar.nii")
    assert list(parcels.header.get_axis(0).name) == [
        *("relevance", "heatmap", "rank"),
        *(f"{name} {SECOND}" for name in ("relevance", "heatmap", "rank")),
    ]


def test_the_table_ranks_each_region_by_both_methods(both):
    _, folder, alone = both
    first, second = (table(other) for other in alone)
    found = table(folder)
    assert [{name: row[name] for name in first[0]} for row in found] == first
    by_second = {row["region"]: row for row in second}
    assert {row["also_method"] for row in found} == {SECOND}
    for row in found:
        wanted = by_second[row["region"]]
        assert [row[f"also_{name}"] for name in ("rank", "mean", "score")] == [
            wanted[name] for name in ("rank", "mean", "score")
        ]


def test_scenes_show_the_second_map_alone_and_both_heatmaps_one_below_the_other(both):
    _, folder, _ = both
    scenes = {scene.findtext("Name"): scene for scene in ET.parse(folder / "100307.wbtools.scene").iter("Scene")}
    shown_name, pair_name = (
        f"unet: relevance by {SECOND}",
        f"unet: region heatmaps by {FIRST} (above) and {SECOND} (below)",
    )
    shown, pair = scenes[shown_name], scenes[pair_name]
    files = {path.text for path in shown.iter("Object") if path.get("Name") == "selectedMapFileNameWithPath"}
    assert f"100307.unet.{SECOND}.relevance.T1w.nii.gz" in files and "100307.unet.relevance.T1w.nii.gz" not in files
    dense = [
        place.text
        for overlay in pair.iter("Object")
        if overlay.get("Class") == "Overlay" and any((path.text or "").endswith("dscalar.nii") for path in overlay)
        for place in overlay
        if place.get("Name") == "selectedMapIndex"
    ]
    assert {str(BOTH.index("heatmap")), str(BOTH.index(f"heatmap {SECOND}"))} == set(dense)
    advice = record(folder)["networks"]["unet"]["also"]["advice"]
    told = {info.findtext("Name"): info.findtext("Description") for info in infos(folder)}
    assert [advice in words for words in told.values()] == [name in (shown_name, pair_name) for name in told]
    listed = (folder / "100307.32k_fs_LR.wb.spec").read_text()
    assert all(f"100307.unet.{SECOND}.{name}.T1w.nii.gz" in listed for name in MAPS)


def infos(folder):
    """What wb_view's list says of each scene."""
    return list(ET.parse(folder / "100307.wbtools.scene").iter("SceneInfo"))


def test_print_and_record_say_which_map_to_trust_for_what(both):
    printed, folder, _ = both
    words = " ".join(printed.split())
    also = record(folder)["networks"]["unet"]["also"]
    assert also["method"] == also["attribution"]["method"] == SECOND
    first, rest = also["attribution"]["caution"].split(". ", 1)
    assert also["attribution"]["rules"] and f"{SECOND}: {first}." in words and rest not in words
    assert any(rest in notice for notice in record(folder)["notices"]) and "Notes in full: " in words
    assert also["advice"] in words and also["trust"]["verdict"] in words
    assert also["trust"]["randomised_networks"] == 0
    assert f"by {SECOND}: {', '.join(row['region'] for row in by_rank(folder)[:2])}" in words
    assert record(folder)["settings"]["also"] == SECOND
    metric = (folder / "100307.L.unet.32k_fs_LR.func.gii").read_text(errors="ignore")
    assert also["advice"] in metric and f"Maps whose names end in '{SECOND}'" in metric


def by_rank(folder):
    rows = [row for row in table(folder) if row["also_rank"] != "n/a"]
    return sorted(rows, key=lambda row: int(row["also_rank"]))


def test_both_maps_are_compared(both):
    _, folder, alone = both
    also = record(folder)["networks"]["unet"]["also"]
    firsts = [{row["region"] for row in table(other)[:10]} for other in alone]
    assert also["shared_of_first_10_regions"] == len(firsts[0] & firsts[1])
    assert 0 < also["similarity"]["spearman"] < 1


def test_without_a_second_map_nothing_speaks_of_one(both):
    _, _, alone = both
    for folder in alone:
        assert "also" not in record(folder)["networks"]["unet"]
        assert not [name for name in table(folder)[0] if name.startswith("also")]
