"""Meshes that a download does not hold whole, with real surfaces."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import InputError
from wbtools.exporting.cortical_maps import on_cortex
from wbtools.exporting.explanation import HEATMAP, MAPS, RELEVANCE
from wbtools.images import nifti
from wbtools.native import cortex
from wbtools.native.projection import NativeProjection
from wbtools.subject import find
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.standard import cortex_32k

ID = "100307"
LEFT, RIGHT = Hemisphere


@pytest.fixture
def study(small_study, tmp_path):
    """A copy of the built-in subject that a test may damage."""
    shutil.copytree(small_study("LAS") / ID, tmp_path / ID)
    return tmp_path


@pytest.fixture(scope="module")
def whole(small_study):
    subject = find(small_study("LAS"), ID)
    return {mesh: cortex.read(subject, mesh) for mesh in subject.meshes}


def apart(first, other, kind):
    return np.concatenate(
        [
            np.linalg.norm(first.surfaces[side, kind].vertices - other.surfaces[side, kind].vertices, axis=1)
            for side in Hemisphere
        ]
    )


def test_the_32k_mesh_of_a_native_download_lies_where_the_hcps_lies(study, whole):
    shutil.rmtree(study / ID / "T1w/fsaverage_LR32k")
    made = cortex.read(find(study, ID), "32k_fs_LR")
    for kind in ("white", "midthickness", "pial"):
        # The made native mesh has 9,002 vertices, 3 mm apart: between them it cuts curves short by this much.
        assert np.median(apart(made, whole["32k_fs_LR"], kind)) < 0.15
    assert {"inflated", "very_inflated"} <= set(made.kinds) and len(made.sulc) == 2


def test_the_164k_mesh_is_made_in_the_persons_space_with_areas_and_medial_wall(study, whole):
    for side in Hemisphere:
        sphere = icosphere(60, hemisphere=side)  # fewer vertices than 164k, for speed
        meshes.write(study / ID / f"MNINonLinear/{ID}.{side.letter}.sphere.164k_fs_LR.surf.gii", sphere, "sphere")
    subject = find(study, ID, "164k")
    made = cortex.read(subject, "164k_fs_LR")
    standard = cortex.read_standard(subject)
    areas = NativeProjection(1).areas(standard, cortex.standard_areas(standard, mmp.ATLAS), made)
    for side in Hemisphere:
        white = made.surfaces[side, "white"]
        assert len(white.vertices) == 10 * 60**2 + 2
        assert white.triangle_areas().sum() == pytest.approx(
            whole["native"].surfaces[side, "white"].triangle_areas().sum(), rel=0.05
        )
        assert made.mask[side].mean() == pytest.approx(cortex_32k(side).mean(), abs=0.01)
        assert len(np.unique(areas[side])) == 181

    # Whatever the mesh, a vertex shows the score of its own area.
    scores = dict(enumerate(np.random.default_rng(0).random(361)))
    person = SimpleNamespace(cortices={made.mesh: made}, areas={made.mesh: areas})
    network = SimpleNamespace(
        volumes={RELEVANCE: nifti.read_volume(subject.t1w)}, ranking=SimpleNamespace(scores=lambda: scores)
    )
    maps = on_cortex(person, [network], NativeProjection(1))[made.mesh]
    for side in Hemisphere:
        wanted = np.array([scores[key] if key else 0 for key in areas[side]], np.float32)
        np.testing.assert_array_equal(maps[side][MAPS.index(HEATMAP)], wanted)


def test_a_lost_medial_wall_is_the_standard_one(study, whole):
    for path in (study / ID).rglob("*roi*"):
        path.unlink()
    subject = find(study, ID)
    assert sum(note.startswith("medial wall") for note in subject.derived) == 2
    for mesh, expected in whole.items():
        made = cortex.read(subject, mesh)
        for side in Hemisphere:
            assert (made.mask[side] == expected.mask[side]).mean() > 0.995


def test_a_lost_midthickness_is_made(study, whole):
    for path in (study / ID).rglob("*midthickness*"):
        path.unlink()
    subject = find(study, ID)
    for mesh, expected in whole.items():
        # The group average's own midthickness is not exactly the mean of its white and pial.
        assert np.median(apart(cortex.read(subject, mesh), expected, "midthickness")) < 0.15


def test_a_file_other_than_a_sphere_is_rejected(study):
    folder = study / ID / "MNINonLinear/Native"
    shutil.copyfile(
        study / ID / f"T1w/Native/{ID}.L.pial.native.surf.gii", folder / f"{ID}.L.sphere.MSMAll.native.surf.gii"
    )
    with pytest.raises(InputError, match=r"L\.sphere\.MSMAll\.native\.surf\.gii is not a sphere") as caught:
        cortex.read(find(study, ID), "native")
    assert caught.value.hint
