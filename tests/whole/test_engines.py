"""The two engines agree through the whole of `Projection`, and an interrupted export leaves nothing."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.images import nifti
from wbtools.native import cortex
from wbtools.native.projection import NativeProjection, WorkbenchProjection
from wbtools.subject import find


@pytest.mark.workbench
@pytest.mark.slow
def test_both_engines_give_the_same_areas_labels_and_maps(small_study):
    # A sub-voxel centre that lies on a surface within rounding may fall the other way: that moves a vertex in a few
    # thousand by one part in 27 of a voxel, and can turn a tie between labels. All else is float32 rounding.
    from wbtools.workbench.runner import Workbench

    subject = find(small_study("LAS"), "100307")
    t1w = nifti.read_volume(subject.t1w)
    standard, native = (cortex.read(subject, mesh) for mesh in ("32k_fs_LR", "native"))
    keys = cortex.standard_areas(standard, mmp.ATLAS)
    ours, theirs = NativeProjection(2), WorkbenchProjection(Workbench.find(), 2)
    carried, reference = ours.areas(standard, keys, native), theirs.areas(standard, keys, native)
    for side in Hemisphere:
        assert (carried[side] == reference[side]).mean() > 0.999
    (labels, conflicts), (expected, expected_conflicts) = (p.volume(standard, keys, t1w.grid) for p in (ours, theirs))
    assert conflicts == expected_conflicts
    both = (labels.data > 0) | (expected.data > 0)
    assert (labels.data == expected.data)[both].mean() > 0.997
    maps, wanted = (p.metrics(native, [t1w, t1w]) for p in (ours, theirs))
    for side in Hemisphere:
        assert maps[side].shape == (2, len(native.mask[side]))
        apart = np.abs(maps[side] - wanted[side]) / t1w.data.max()
        assert (apart > 1e-5).mean() < 1e-3
        assert apart.max() < 0.01


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_export_ends_with_75_and_leaves_nothing(small_study, tmp_path, number):
    code = "from wbtools.cli import main; main()"
    arguments = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((tmp_path / "out").glob("*")):  # made a moment after `out` itself
        time.sleep(0.05)
    assert list((tmp_path / "out").iterdir()), "the export should have begun by now"
    os.kill(process.pid, number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 75, stderr
    assert "interrupted" in stderr
    assert not (tmp_path / "out").exists()
