"""Joining cortex and subcortex by rule."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from wbtools import atlas
from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.atlas.native import join
from wbtools.errors import AtlasError
from wbtools.exporting.preparation import find_tools
from wbtools.exporting.settings import ExportSettings
from wbtools.native import person
from wbtools.provenance import Provenance
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.subject import find
from wbtools.surfaces.standard import cortex_32k

GRID = Grid((4, 4, 4), np.diag([-1.0, 1.0, 1.0, 1.0]))
AREA = Region(300, "L_H_ROI", Hemisphere.LEFT, Kind.CORTEX, (1, 0, 0, 1))
SOURCE = CorticalAtlas(
    "x", "X 1.0", lambda: (AREA,), lambda side: np.zeros(32492, np.int32), "Cite X.", {"areas": "one"}
)
HIPPOCAMPUS = Region(417, "HIPPOCAMPUS_LEFT", Hemisphere.LEFT, Kind.SUBCORTEX, (0, 1, 0, 1))


def labels(**keys):
    data = np.zeros(GRID.shape, np.int32)
    for place, key in keys.items():
        data[int(place[1:])] = key
    return Volume(data, GRID, Unit.LABEL)


def test_cortex_wins_conflicts_and_the_loss_is_counted():
    joined = join(SOURCE, labels(i0=300, i1=300), 3, labels(i1=17, i2=17, i3=2), [(17, HIPPOCAMPUS)])
    assert joined.whole.volume.data[:, 0, 0].tolist() == [300, 300, 417, 0]
    assert joined.cortex.volume.data[:, 0, 0].tolist() == [300, 300, 0, 0]
    assert joined.overlap == {"HIPPOCAMPUS_LEFT": 16}
    assert joined.as_record()["hemisphere_conflicts"] == 3


def test_without_a_segmentation_the_atlas_is_cortex_alone():
    joined = join(SOURCE, labels(i0=300), 0, None, [(17, HIPPOCAMPUS)])
    assert joined.whole is joined.cortex
    assert [region.name for region in joined.whole.regions] == ["L_H_ROI"]


def test_a_segmentation_on_another_grid_is_resampled():
    fine = GRID.covering((8, 8, 8)).reoriented("RAS")
    data = np.zeros(fine.shape, np.int32)
    data[-2:] = 17  # the right end in RAS is the first voxel in LAS
    joined = join(SOURCE, labels(i3=300), 0, Volume(data, fine, Unit.LABEL), [(17, HIPPOCAMPUS)])
    assert joined.whole.volume.data[:, 0, 0].tolist() == [417, 0, 0, 300]


def test_surfaces_outside_the_image_are_reported():
    with pytest.raises(AtlasError, match="ribbon") as caught:
        join(SOURCE, labels(), 0, None, [])
    assert "MNINonLinear" in caught.value.hint


def test_a_segmentation_without_any_structure_is_rejected():
    with pytest.raises(AtlasError, match="no subcortical structure"):
        join(SOURCE, labels(i0=300), 0, labels(i1=1001), [(17, HIPPOCAMPUS)])


def test_an_entry_in_the_registry_is_all_that_another_atlas_needs_to_be_chosen(monkeypatch, small_study):
    sides = {
        side: Region(key, f"{side.letter}_HALF", side, Kind.CORTEX, (1, 0, 0, 1))
        for key, side in enumerate(Hemisphere, 1)
    }
    halves = CorticalAtlas(
        "HALVES",
        "Halves",
        lambda: tuple(sides.values()),
        lambda side: np.where(cortex_32k(side), sides[side].key, 0).astype(np.int32),
        "Nobody needs to be cited.",
        {"halves": "all cortex of a side is one area"},
    )
    monkeypatch.setitem(sys.modules, "wbtools.atlas.halves", SimpleNamespace(ATLAS=halves))
    monkeypatch.setitem(atlas.ATLASES, "halves", "halves")
    settings = ExportSettings(atlas="halves", render=False)
    tools = find_tools(settings, Provenance({}))
    me = person.read(find(small_study(), "100307"), ("32k_fs_LR",), tools.projection)
    assert [region.name for region in me.atlas.cortex.regions] == ["L_HALF", "R_HALF"]
    assert set(np.unique(me.atlas.cortex.volume.data)) == {0, 1, 2}
    assert me.atlas.as_record()["halves"] == "all cortex of a side is one area"
    assert tools.projection.atlas.acknowledgement == "Nobody needs to be cited."
