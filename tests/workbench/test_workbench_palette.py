from __future__ import annotations

import math
import shutil
import subprocess
from xml.etree import ElementTree as ET

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench_session import Session, metric_mask

from wbtools.errors import InputError
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette, PaletteName
from wbtools.workbench.runner import Workbench

scales = st.floats(1e-12, 1e12)


def tags(made: Palette) -> dict[str, str]:
    root = ET.fromstring(made.xml())
    assert root.tag == "PaletteColorMapping"
    assert root.attrib == {"Version": "1"}
    return {child.tag: child.text or "" for child in root}


@given(high=scales, share=st.floats(0, 0.9), name=st.sampled_from(PaletteName), negative=st.booleans())
def test_scale_and_threshold_survive_being_written(
    high: float, share: float, name: PaletteName, negative: bool
) -> None:
    found = tags(Palette(name, share * high, high, share * high, negative))
    scale = [float(word) for word in found["UserScaleValues"].split()]
    # seven digits are written, as many as float32 holds
    assert scale == pytest.approx([-high, -share * high, share * high, high], rel=1e-6)
    assert [float(w) for w in found["ThresholdNormalValues"].split()] == pytest.approx(
        [-share * high, share * high], rel=1e-6
    )
    assert found["PaletteName"] == name.value
    assert found["DisplayNegativeData"] == str(negative).lower()


def test_without_a_threshold_nothing_is_hidden() -> None:
    assert tags(Palette())["ThresholdType"] == "THRESHOLD_TYPE_OFF"
    assert tags(Palette(threshold=0.1))["ThresholdType"] == "THRESHOLD_TYPE_NORMAL"


@pytest.mark.parametrize(
    ("high", "shown"),
    [(1.2e-7, ("SCIENTIFIC", "1")), (0.047, ("DECIMAL", "3")), (1.0, ("DECIMAL", "2")), (1200.0, ("DECIMAL", "0"))],
)
def test_a_colour_bar_shows_two_digits_of_any_scale(high: float, shown: tuple[str, str]) -> None:
    found = tags(Palette(high=high))
    assert (found["NumericFormatMode"], found["PrecisionDigits"]) == shown


@pytest.mark.parametrize(
    "numbers",
    [{"low": 1.0, "high": 1.0}, {"low": -1.0}, {"high": math.nan}, {"high": math.inf}, {"threshold": -0.1}],
)
def test_an_impossible_scale_is_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(InputError, match="palette cannot run"):
        Palette(**numbers)


def test_scales_come_from_the_numbers_and_pass_over_what_is_no_number() -> None:
    values = np.r_[np.linspace(-2e-7, 1e-7, 3001), np.nan, np.inf].astype(np.float32)
    up, both = palette.positive(values), palette.signed(values)
    assert up.high == pytest.approx(9.8e-8)  # 98th percentile of 0..1e-7
    assert not up.negative
    assert both.high == pytest.approx(1.9e-7)  # of the absolute values: 0..1e-7 twice, 1e-7..2e-7 once
    assert both.negative
    assert both.name is PaletteName.ROY_BIG_BL
    assert up.threshold == pytest.approx(0.07 * up.high)


def test_an_empty_map_still_gets_a_palette() -> None:
    for make in (palette.positive, palette.signed, palette.anatomy, palette.folding):
        assert make(np.zeros(5)).high > 0


@pytest.mark.workbench
def test_workbench_has_every_palette_built_in(wb: Workbench) -> None:
    if shutil.which("strings") is None:
        pytest.skip("needs strings, of binutils: an unknown palette is accepted without a word")
    listed = subprocess.run(["strings", "-a", wb.program.resolve()], capture_output=True, text=True, check=True)
    words = set(listed.stdout.split())
    assert {name.value for name in PaletteName} <= words


@pytest.mark.workbench
def test_workbench_reads_a_palette_from_a_metric_and_keeps_its_name(session: Session, wb: Workbench) -> None:
    metric = session.metrics[0].path
    image = nibabel.load(metric)
    wanted = Palette(PaletteName.ROY_BIG_BL, 0.0, 0.5, 0.1, negative=True)
    image.darrays[1].meta["PaletteColorMapping"] = wanted.xml()
    nibabel.save(image, metric)
    roi, out = session.folder / "roi.func.gii", session.folder / "o.func.gii"
    shutil.copy(metric, roi)
    wb.run(metric_mask(metric, roi, out))
    kept = {child.tag: child.text for child in ET.fromstring(nibabel.load(out).darrays[1].meta["PaletteColorMapping"])}
    ours = tags(wanted)
    assert kept["PaletteName"] == ours["PaletteName"]
    for tag in ("UserScaleValues", "ThresholdNormalValues"):
        assert [float(w) for w in (kept[tag] or "").split()] == [float(w) for w in ours[tag].split()]
    assert {tag: kept[tag] for tag in ours if tag not in {"UserScaleValues", "ThresholdNormalValues"}} == {
        tag: text for tag, text in ours.items() if tag not in {"UserScaleValues", "ThresholdNormalValues"}
    }
