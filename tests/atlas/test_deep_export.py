"""An export with further labels below the cortex: every file knows its regions, and nothing else changes."""

import json

import nibabel
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from made_cohort import MadeUp, write_people
from made_labels import write_hypothalamus

import wbtools.reading
from wbtools.cli import main
from wbtools.errors import InputError
from wbtools.group.brain_context import Annotations, brain_context
from wbtools.group.members.cohort import Selection, choose
from wbtools.reading import open_batch
from wbtools.report.methods.paragraphs import methods_text

SIDES = ["HYPOTHALAMUS_LEFT", "HYPOTHALAMUS_RIGHT"]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    return write_hypothalamus(tmp_path_factory.mktemp("secret-place"), radius=7.0)


@pytest.fixture(scope="module")
def made(small_study, run_export, tmp_path_factory, atlas):
    out = tmp_path_factory.mktemp("deep")
    options = ("--no-render", "--subcortex", f"aseg+hypothalamus={atlas}", "--mesh", "32k", "--null", "2")
    return run_export(small_study(), out, *options)[1]


def read(made, end):
    return next(made.rglob(f"*{end}"))


def table(made, end):
    return pd.read_csv(read(made, end), sep="\t", index_col="region")


@pytest.mark.slow
def test_the_tables_hold_the_new_regions_with_voxels_and_levels(made):
    ranking, levels = table(made, ".regions.tsv"), table(made, ".levels.tsv")
    assert len(levels) == 381 and len(ranking) == 382
    labels = nibabel.load(read(made, "subcortex.T1w.nii.gz"))
    data = np.asarray(labels.dataobj)
    for name, key in zip(SIDES, (500, 501), strict=True):
        assert ranking.loc[name, "voxels"] == np.count_nonzero(data == key) > 5
        middle = nibabel.affines.apply_affine(labels.affine, np.argwhere(data == key).mean(0))
        assert np.abs(levels.loc[name, ["x", "y", "z"]].to_numpy(float) - middle).max() < 0.01  # three decimals
        assert np.isfinite(levels.loc[name].filter(like="network_").astype(float)).all()
    assert levels.loc["HYPOTHALAMUS_LEFT", "x"] < 0 < levels.loc["HYPOTHALAMUS_RIGHT", "x"]


@pytest.mark.slow
def test_dense_files_hold_the_hypothalamus_as_ventral_diencephalon(made, exported):
    def voxels(folder):
        models = nibabel.load(read(folder, ".32k_fs_LR.dscalar.nii")).header.get_axis(1)
        return {name: len(models[rows]) for name, rows, _ in models.iter_structures()}

    new, usual = voxels(made), voxels(exported[1])
    ventral = [f"CIFTI_STRUCTURE_DIENCEPHALON_VENTRAL_{side}" for side in ("LEFT", "RIGHT")]
    assert all(new[name] > usual[name] for name in ventral)
    assert {name: n for name, n in new.items() if "CORTEX" in name} == {
        name: n for name, n in usual.items() if "CORTEX" in name
    }


@pytest.mark.slow
def test_the_record_tells_whose_labels_they_are_and_the_methods_text_cites_them(made, atlas):
    text = read(made, "provenance.json").read_text()
    record = json.loads(text)
    (source,) = record["atlas"]["label_sources"]
    assert record["settings"]["subcortex"] == "aseg+hypothalamus" and str(atlas.parent) not in text
    assert source["file"] == "Hypothalamus.nii.gz" and set(source["volumes_mm3"]) == set(SIDES)
    assert any("unchanged from MNI152NLin2009cAsym to MNI152NLin6Asym" in how for how in source["how"])
    written = methods_text(record)
    assert "neudorfer2020" in written.bibtex and "fischl2002" in written.bibtex
    assert "Labels of the hypothalamus of each side (2 regions)" in written.markdown


@pytest.mark.slow
def test_an_export_is_read_again_with_its_regions(made):
    export = wbtools.reading.open_export(made, check=True)
    assert [region.name for region in export.regions][-2:] == SIDES
    assert export.regions[-1].colour == pytest.approx((0.63, 0.07, 0.07, 1.0), abs=0.01)
    assert set(np.unique(export.atlas.volume.data)) >= {500, 501}


@pytest.mark.slow
def test_a_dry_run_says_which_labels_and_a_lack_is_told_before_anything_is_computed(small_study, tmp_path, atlas):
    def run(source):
        words = ["export-subject", "100307", "--study-folder", str(small_study()), "--out", str(tmp_path / "out")]
        return CliRunner().invoke(main, [*words, "--subcortex", source, "--dry-run"])

    found = run(f"hypothalamus={atlas}")
    assert found.exit_code == 0 and f"labels of hypothalamus: {atlas / 'Hypothalamus.nii.gz'}" in found.output
    lacking = run(f"melbourne={atlas}")
    assert lacking.exit_code == 3 and "looked for Melbourne-Subcortex-Atlas-7T.nii.gz" in " ".join(
        lacking.output.split()
    )


# ------------------------------------------------------------------------------------------------------------ groups


def test_exports_with_different_labels_are_not_put_together(tmp_path):
    people = [f"s{number:02}" for number in range(5)]
    write_people(tmp_path, people[:3], MadeUp(settings={"subcortex": "aseg"}))
    write_people(tmp_path, people[3:], MadeUp(settings={"subcortex": "aseg+hypothalamus"}))
    with pytest.raises(InputError, match="2 kinds") as caught:
        choose(open_batch(tmp_path), Selection())
    assert "subcortex aseg+hypothalamus: s03, s04" in str(caught.value)


def test_labels_of_different_origin_are_not_put_together(tmp_path):
    people = [f"s{number:02}" for number in range(4)]
    write_people(tmp_path, people, MadeUp(settings={"subcortex": "aseg+hypothalamus"}))
    for who, space in zip(people[2:], ("T1w", "T1w"), strict=True):
        path = tmp_path / who / "provenance.json"
        record = json.loads(path.read_text())
        source = {"name": "hypothalamus", "labels_of": "FreeSurfer", "space": space, "sha256": who}
        record["atlas"]["label_sources"] = [source]
        path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="labels below the cortex hypothalamus of FreeSurfer: s02, s03"):
        choose(open_batch(tmp_path), Selection())


def test_parts_of_structures_are_in_no_functional_network_and_stop_no_profile():
    values = {"L_V1_ROI": 1.0, "R_V1_ROI": 2.0, "THALAMUS_LEFT": 3.0}
    usual, more = (brain_context(each, Annotations()) for each in (values, {**values, "HYPOTHALAMUS_LEFT": 9.0}))
    assert usual.profiles
    for first, second in zip(usual.profiles, more.profiles, strict=True):
        assert np.array_equal(first.means, second.means, equal_nan=True)
