from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import InputError
from wbtools.group.context.annotation import Annotation
from wbtools.group.context.annotation_files import read_all, read_annotations
from wbtools.images import cifti, gifti
from wbtools.surfaces.standard import cortex_32k

VALUES = np.random.default_rng(0).normal(size=360).astype(np.float32)
LABELS = {side: mmp.labels_32k(side) for side in Hemisphere}
PAINTED = {side: np.append(np.float32(99), VALUES)[LABELS[side]] for side in Hemisphere}
"""The values on the vertices of their areas, and 99 on the medial wall."""


def write_pair(folder, left="a.L.func.gii", right="a.R.func.gii", maps=PAINTED):
    for side, name in zip(Hemisphere, (left, right), strict=True):
        gifti.write_metrics(folder / name, {"thickness": maps[side]}, side)
    return str(folder / left), str(folder / right)


def same(annotation, tolerance=1e-6):
    # The mean of equal float32 numbers, summed as float64.
    np.testing.assert_allclose(annotation.values, VALUES, rtol=tolerance)


@pytest.mark.parametrize("given", [0, 1])
@pytest.mark.parametrize(
    "names",
    [
        ("a.L.func.gii", "a.R.func.gii"),
        ("L.shape.gii", "R.shape.gii"),
        ("lh.a.func.gii", "rh.a.func.gii"),
        ("sub-L_hemi-L_a.shape.gii", "sub-L_hemi-R_a.shape.gii"),
    ],
)
def test_either_file_of_a_pair_brings_the_other(tmp_path, names, given):
    (annotation,) = read_annotations(write_pair(tmp_path, *names)[given])
    same(annotation)


def test_a_value_per_area_is_the_mean_of_its_vertices(tmp_path):
    rng = np.random.default_rng(1)
    maps = {side: rng.normal(size=32_492).astype(np.float32) for side in Hemisphere}
    (annotation,) = read_annotations(write_pair(tmp_path, maps=maps)[0])
    for area in mmp.regions():
        inside = maps[area.hemisphere][LABELS[area.hemisphere] == area.key]
        assert annotation.values[area.key - 1] == pytest.approx(inside.mean(dtype=np.float64), rel=1e-12)


def test_vertices_without_a_value_are_left_out():
    maps = {side: values.copy() for side, values in PAINTED.items()}
    maps[Hemisphere.LEFT][np.flatnonzero(LABELS[Hemisphere.LEFT] == 181)[1:]] = np.nan
    maps[Hemisphere.RIGHT][LABELS[Hemisphere.RIGHT] == 1] = np.nan
    annotation = Annotation.by_vertex("a", maps)
    assert np.flatnonzero(np.isnan(annotation.values)).tolist() == [0]
    assert annotation.values[180] == pytest.approx(VALUES[180])


def test_cifti_files_of_vertices_and_of_parcels_give_the_same_map(tmp_path):
    rows = cifti.Greyordinates({side: cortex_32k(side) for side in Hemisphere})
    dense, parcels = tmp_path / "b.dscalar.nii", tmp_path / "b.pscalar.nii"
    cifti.write_dscalar(dense, {"m": rows.gather(PAINTED)}, rows)
    cifti.write_pscalar(parcels, {"m": VALUES, "n": 2 * VALUES}, LABELS, mmp.regions())
    (whole,), (first, second) = read_annotations(str(dense)), read_annotations(str(parcels))
    same(whole)
    same(first)
    np.testing.assert_allclose(second.values, 2 * VALUES, rtol=1e-6)
    assert [each.name for each in (whole, first, second)] == ["b", "b: m", "b: n"]


def test_vertices_that_a_dscalar_file_lacks_are_not_zeros(tmp_path):
    # A file whose medial wall is larger: half of the vertices of every area are missing.
    half = {side: cortex_32k(side) & (np.arange(32_492) % 2 == 0) for side in Hemisphere}
    rows = cifti.Greyordinates(half)
    cifti.write_dscalar(tmp_path / "b.dscalar.nii", {"m": rows.gather(PAINTED)}, rows)
    same(read_annotations(str(tmp_path / "b.dscalar.nii"))[0])


@pytest.mark.parametrize("spelling", ["{0}_{1}_ROI", "{0}_{1}", "{2}_{1}"])
def test_a_table_is_read_by_names_in_any_order(tmp_path, spelling):
    order = np.random.default_rng(2).permutation(360)
    lines = ["region\tmyelin\tgradient"]
    for row in order:
        side, area = mmp.regions()[row].name.removesuffix("_ROI").split("_", 1)
        lines.append(f"{spelling.format(side, area, f'{side.lower()}h')}\t{VALUES[row]}\tn/a")
    lines[1] = lines[1].replace("n/a", "1")
    lines[2] = lines[2].replace("n/a", "2")
    (tmp_path / "t.tsv").write_text("\n".join([*lines, "BRAIN_STEM\t7\t7"]) + "\n")
    first, second = read_annotations(str(tmp_path / "t.tsv"))
    same(first)
    assert (first.name, second.name) == ("myelin", "gradient")
    assert np.isfinite(second.values).sum() == 2 and second.values[order[0]] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("region\tx\nL_V1\t1\nL_V1_ROI\t2\n", "is there twice"),
        ("region\tx\nL_V1\t1\nL_V99\t2\n", "'L_V99' is no area of HCP-MMP 1.0"),
        ("region\tx\nL_V1\t1\nL_V2\tmuch\n", "'much' of 'L_V2' is no number"),
        ("region\tx\nL_V1\t1\nL_V2\n", "is no table of regions"),
        ("region\tx\nL_V1\t1\nL_V2\tinf\n", "a value is infinite"),
        ("region\tx\nL_V1\t1\nL_V2\t1\n", "the same in all areas"),
        ("", "is no table of regions"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, text, said):
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_annotations(str(tmp_path / "t.tsv"))
    assert caught.value.hint and "t.tsv" in str(caught.value)


def test_a_map_on_another_mesh_or_of_the_wrong_side_is_refused(tmp_path):
    small = {side: np.arange(10_242, dtype=np.float32) for side in Hemisphere}
    with pytest.raises(InputError, match=r"hemisphere L has 10,242 values; the 32k_fs_LR mesh has 32,492"):
        read_annotations(write_pair(tmp_path, maps=small)[0])
    with pytest.raises(InputError, match="says it is CortexLeft, not CortexRight"):
        read_annotations(write_pair(tmp_path, "b.R.func.gii", "b.L.func.gii")[0])


def test_missing_partners_and_unknown_files_are_named(tmp_path):
    left, right = write_pair(tmp_path)
    (tmp_path / "a.R.func.gii").unlink()
    with pytest.raises(InputError, match=r"a\.R\.func\.gii does not exist, a\.L\.func\.gii needs it"):
        read_annotations(left)
    with pytest.raises(InputError, match="does not exist"):
        read_annotations(right)
    with pytest.raises(InputError, match="is no map that can be read"):
        read_annotations(str(tmp_path / "a.nii.gz"))
    rows = cifti.Greyordinates({side: cortex_32k(side) for side in Hemisphere})
    cifti.write_dlabel(tmp_path / "a.dlabel.nii", rows.gather(LABELS), rows, mmp.regions(), "areas")
    (tmp_path / "a.dlabel.nii").rename(tmp_path / "a.dscalar.nii")
    with pytest.raises(InputError, match="holds no maps with a value per vertex"):
        read_annotations(str(tmp_path / "a.dscalar.nii"))


def test_files_of_both_sides_are_one_annotation_and_the_same_names_are_told_apart(tmp_path):
    sides = write_pair(tmp_path)
    rows = cifti.Greyordinates({side: cortex_32k(side) for side in Hemisphere})
    cifti.write_dscalar(tmp_path / "a.dscalar.nii", {"m": rows.gather(PAINTED)}, rows)
    assert [each.name for each in read_all([*sides, sides[0]])] == ["a"]
    both = read_all([sides[1], str(tmp_path / "a.dscalar.nii"), sides[0]])
    assert [each.name for each in both] == ["a (a.R.func.gii)", "a (a.dscalar.nii)"]
    (tmp_path / "other").mkdir()
    again = read_all([sides[0], write_pair(tmp_path / "other")[0]])
    assert [each.name for each in again] == ["a (a.L.func.gii) #1", "a (a.L.func.gii) #2"]


@pytest.mark.parametrize("name", ["neuromaps:myelin", "neuromaps:a-b-c-d-e", "neuromaps:a--fsLR-32k"])
def test_names_of_neuromaps_have_four_words(name):
    with pytest.raises(InputError, match="names no annotation"):
        read_annotations(name)


@pytest.mark.skipif(find_spec("neuromaps") is not None, reason="neuromaps is installed")
def test_without_neuromaps_the_extra_is_named():
    with pytest.raises(InputError, match="needs the Python package neuromaps") as caught:
        read_annotations("neuromaps:hcps1200-myelinmap-fsLR-32k")
    assert "pip install neuromaps" in caught.value.hint


@pytest.mark.skipif(find_spec("neuromaps") is None, reason="neuromaps is not installed")
def test_annotations_that_neuromaps_lacks_or_cannot_fetch_are_an_error_of_one_line(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="neuromaps has no annotation nobody-nothing-fsLR-32k"):
        read_annotations("neuromaps:nobody-nothing-fsLR-32k")
    monkeypatch.setenv("NEUROMAPS_DATA", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(InputError, match="cannot be fetched"):
        read_annotations("neuromaps:hcps1200-myelinmap-fsLR-32k")
