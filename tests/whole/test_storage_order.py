"""One head, its voxels stored in any order, gives one table: registration, reference and areas do not depend on it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from made_heads import with_face, write_network
from made_layouts import write_bids

from wbtools.images import nifti
from wbtools.space.grid import Grid, Unit, reorient
from wbtools.subject import find

pytestmark = pytest.mark.slow

ORDERS = ("LAS", "RAS", "LIA", "PSR")
TURN = np.array([[0.99, 0.11, -0.07, 4.3], [-0.1, 0.98, 0.17, -11.7], [0.09, -0.16, 0.98, 6.1], [0, 0, 0, 1]])
"""Where the head lies: askew, so that it has to be registered for the network, and its reference to it."""


def tabled(folder: Path) -> dict[str, dict[str, str]]:
    (table,) = folder.rglob("*regions.tsv")
    return {row["region"]: row for row in csv.DictReader(table.open(), delimiter="\t")}


@pytest.fixture(scope="module")
def tables(small_study, run_export, tmp_path_factory):
    """The table of each order of storing; the T1w, its mask and its segmentation are all stored so."""
    base = tmp_path_factory.mktemp("orders")
    network, rotation = write_network(base), np.linalg.qr(TURN[:3, :3])[0]
    move = TURN.copy()
    move[:3, :3] = rotation * np.sign(np.diag(rotation))
    found = {}
    for order in ORDERS:
        anat = write_bids(find(small_study("LAS"), "100307"), base / order, "sub-100307")
        for path in sorted(anat.glob("*.nii.gz")):
            unit = Unit.INTENSITY if path.name.endswith("T1w.nii.gz") else Unit.LABEL
            volume = nifti.read_volume(path, unit)
            volume = with_face(volume) if unit is Unit.INTENSITY else volume
            moved = type(volume)(volume.data, Grid(volume.grid.shape, move @ volume.grid.affine), unit)
            nifti.write_volume(path, reorient(moved, order))
        turn_surfaces(anat, move)
        options = ("--mesh", "native", "--threads", "2", "--no-render", "--no-report", "--model", str(network))
        run_export(base / order, base / "out" / order, *options)
        found[order] = tabled(base / "out" / order)
    return found


def turn_surfaces(anat: Path, move: np.ndarray) -> None:
    import nibabel

    for path in anat.glob("*.surf.gii"):
        if "sphere" not in path.name and "inflated" not in path.name:
            surface = nibabel.load(path)
            surface.darrays[0].data = nibabel.affines.apply_affine(move, surface.darrays[0].data).astype(np.float32)
            nibabel.save(surface, path)


@pytest.mark.parametrize("order", ORDERS[1:])
def test_the_table_is_that_of_the_same_head_in_another_order(tables, order):
    expected, found = tables["LAS"], tables[order]
    assert expected.keys() == found.keys()
    assert [row["voxels"] for row in found.values()] == [row["voxels"] for row in expected.values()]
    for column in ("sum", "abs_mean"):
        ours, theirs = (
            np.array([float(row[column]) for row in rows.values() if row[column] != "n/a"])
            for rows in (found, expected)
        )
        # Only sums of the same numbers in another order: 1e-4 of each region's sum.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * np.abs(theirs).max())
