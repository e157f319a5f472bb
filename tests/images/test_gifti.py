from __future__ import annotations

import nibabel
import numpy as np
import pytest
from workbench_oracle import PALETTE, REGIONS, file_information, workbench

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import gifti

MAPS = {name: np.random.default_rng(seed).normal(size=42).astype(np.float32) for seed, name in enumerate("ab")}
KEYS = np.resize([0, 1, 181, 40_000], 42)


def test_metrics_come_back_by_name_and_in_order(tmp_path):
    gifti.write_metrics(tmp_path / "m.func.gii", MAPS, Hemisphere.RIGHT)
    read = gifti.read_metrics(tmp_path / "m.func.gii", Hemisphere.RIGHT)
    assert list(read) == ["a", "b"]
    for name in MAPS:
        np.testing.assert_array_equal(read[name], MAPS[name])
        assert read[name].dtype == np.float32


def test_labels_come_back_with_names_and_colours(tmp_path):
    gifti.write_labels(tmp_path / "l.label.gii", KEYS, REGIONS, Hemisphere.LEFT, "HCP-MMP1")
    keys, table = gifti.read_labels(tmp_path / "l.label.gii", Hemisphere.LEFT)
    np.testing.assert_array_equal(keys, KEYS)
    assert table == {0: ("???", (1, 1, 1, 0))} | {region.key: (region.name, region.colour) for region in REGIONS}


def test_labels_are_written_as_int32_whatever_their_type(tmp_path):
    # Workbench does not read int16 labels.
    gifti.write_labels(tmp_path / "l.label.gii", KEYS.astype(np.uint16), REGIONS, Hemisphere.LEFT, "HCP-MMP1")
    assert nibabel.load(tmp_path / "l.label.gii").darrays[0].data.dtype == np.int32


def test_a_map_without_a_name_is_numbered(tmp_path):
    array = nibabel.gifti.GiftiDataArray(MAPS["a"], "NIFTI_INTENT_SHAPE")
    nibabel.save(nibabel.gifti.GiftiImage(darrays=[array]), tmp_path / "m.shape.gii")
    assert list(gifti.read_metrics(tmp_path / "m.shape.gii", Hemisphere.LEFT)) == ["#1"]


def test_a_file_of_the_other_hemisphere_is_rejected(tmp_path):
    gifti.write_metrics(tmp_path / "m.func.gii", MAPS, Hemisphere.RIGHT)
    gifti.write_labels(tmp_path / "l.label.gii", KEYS, REGIONS, Hemisphere.RIGHT, "HCP-MMP1")
    with pytest.raises(InputError, match="CortexRight, not CortexLeft"):
        gifti.read_metrics(tmp_path / "m.func.gii", Hemisphere.LEFT)
    with pytest.raises(InputError, match="CortexRight, not CortexLeft"):
        gifti.read_labels(tmp_path / "l.label.gii", Hemisphere.LEFT)


@pytest.mark.parametrize("kept", [30, 400, -200, -12])
def test_a_truncated_file_is_rejected(tmp_path, kept):
    gifti.write_metrics(tmp_path / "m.func.gii", MAPS, Hemisphere.RIGHT)
    (tmp_path / "cut.func.gii").write_bytes((tmp_path / "m.func.gii").read_bytes()[:kept])
    with pytest.raises(InputError, match="GIFTI") as caught:
        gifti.read_metrics(tmp_path / "cut.func.gii")
    assert caught.value.hint


def test_a_missing_file_and_a_file_of_another_format_are_rejected(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        gifti.read_metrics(tmp_path / "none.func.gii")
    points = nibabel.gifti.GiftiDataArray(np.zeros((4, 3), np.float32), "NIFTI_INTENT_POINTSET")
    nibabel.save(nibabel.gifti.GiftiImage(darrays=[points]), tmp_path / "s.surf.gii")
    with pytest.raises(InputError, match="no values per vertex"):
        gifti.read_metrics(tmp_path / "s.surf.gii")
    with pytest.raises(InputError, match="no labels"):
        gifti.read_labels(tmp_path / "s.surf.gii")


def test_files_hold_the_notice_and_no_path_and_repeat_byte_for_byte(tmp_path):
    for name in ("a", "b"):
        gifti.write_metrics(tmp_path / f"{name}.func.gii", MAPS, Hemisphere.LEFT, notice="no person")
    content = (tmp_path / "a.func.gii").read_text()
    assert content == (tmp_path / "b.func.gii").read_text()
    assert "no person" in content and str(tmp_path) not in content


@pytest.mark.workbench
@pytest.mark.parametrize("hemisphere", Hemisphere)
def test_workbench_reads_structure_names_and_palette_of_metrics(tmp_path, hemisphere):
    path = tmp_path / "m.func.gii"
    gifti.write_metrics(path, MAPS, hemisphere, {"b": PALETTE})
    fields = file_information(path)
    assert (fields["Structure"], fields["Number of Vertices"]) == (hemisphere.cortex.gifti, "42")
    assert workbench("-file-information", path, "-only-map-names").split() == ["a", "b"]
    workbench("-set-map-names", path, "-map", 1, "new")
    meta = dict(nibabel.load(path).darrays[1].meta)
    assert "-0.750000 -0.250000 0.250000 0.750000" in meta["PaletteColorMapping"]
    assert "magma" in meta["PaletteColorMapping"]


@pytest.mark.workbench
def test_workbench_reads_names_keys_and_colours_of_labels(tmp_path):
    gifti.write_labels(tmp_path / "l.label.gii", KEYS, REGIONS, Hemisphere.LEFT, "HCP-MMP1")
    workbench("-label-export-table", tmp_path / "l.label.gii", tmp_path / "table.txt")
    lines = (tmp_path / "table.txt").read_text().splitlines()
    assert lines[::2] == [region.name for region in REGIONS]
    expected = [[r.key, *(round(c * 255) for c in r.colour)] for r in REGIONS]
    assert [[int(word) for word in line.split()] for line in lines[1::2]] == expected
    fields = file_information(tmp_path / "l.label.gii")
    assert (fields["Type"], fields["Structure"]) == ("Label", "CortexLeft")
