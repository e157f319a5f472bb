"""Regions, a palette, and the real Workbench as an oracle for the files we write."""

from __future__ import annotations

import subprocess
from pathlib import Path

from wbtools.anatomy import Hemisphere, Kind, Region

REGIONS = (
    Region(1, "R_V1_ROI", Hemisphere.RIGHT, Kind.CORTEX, (0.298039, 0.0196078, 1.0, 1.0)),
    Region(181, "L_<&>'\"_ROI", Hemisphere.LEFT, Kind.CORTEX, (1.0, 0.5, 0.25, 1.0)),
    Region(40_000, "BRAIN_STEM", None, Kind.SUBCORTEX, (0.2, 0.4, 0.6, 1.0)),
)
PALETTE = (
    '<PaletteColorMapping Version="1"><ScaleMode>MODE_USER_SCALE</ScaleMode>'
    "<UserScaleValues>-0.75 -0.25 0.25 0.75</UserScaleValues><PaletteName>magma</PaletteName></PaletteColorMapping>"
)


def workbench(*words: object) -> str:
    done = subprocess.run(["wb_command", "-disable-provenance", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def file_information(path: Path) -> dict[str, str]:
    """The fields that `wb_command -file-information` prints about a file."""
    lines = workbench("-file-information", path).splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
