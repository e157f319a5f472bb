"""The documentation's pictures of the built-in subject and network, drawn anew.

python benchmarks/pictures.py WORK       WORK: a new folder; docs/pictures/ is written to

They are the scenes of exports, from the HCP layout and from the same data in the other layouts, and wb_view's window
with the first scene (Xvfb draws it). Pictures of planted regions and of known sources come from their own benchmarks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image, ImageGrab

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from made_layouts import write_bids, write_freesurfer

from wbtools import export
from wbtools.subject import find
from wbtools.subject.demo import write_demo_subject

PICTURES = Path(__file__).resolve().parents[1] / "docs/pictures"
SCENES = "overview", "relevance-volume", "relevance-pial", "relevance-inflated", "region-heatmap", "heatmap-pial"
DISPLAY, WINDOW = ":87", (1400, 1082)


def written_elsewhere(work: Path) -> dict[str, tuple[str, Path]]:
    """The built-in subject in other layouts: subject and study by name of the picture."""
    ours = find(work / "study", "100307")
    write_freesurfer(ours, work / "freesurfer/bert")
    write_bids(ours, work / "bids", "sub-01")
    image, (tilt, turn) = nibabel.load(ours.t1w), np.deg2rad((14, 6))
    pose = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    pose = pose @ np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    moved = np.vstack((np.column_stack((pose, (4, -11, 17))), (0, 0, 0, 1)))
    (work / "t1w").mkdir()
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), moved @ image.affine), work / "t1w/sub-01_T1w.nii.gz")
    return {
        "layout-freesurfer": ("bert", work / "freesurfer"),
        "layout-bids": ("sub-01", work / "bids"),
        "layout-t1w": ("sub-01_T1w.nii.gz", work / "t1w"),
    }


def photograph(scene: Path, picture: Path) -> None:
    """Save wb_view's window with the first scene."""
    size = "x".join(map(str, WINDOW))
    with subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", f"{size}x24"]) as screen:
        time.sleep(3)
        there = {**os.environ, "DISPLAY": DISPLAY}
        view = ["wb_view", "-no-splash", "-window-size", *map(str, WINDOW), "-window-pos", "0", "0"]
        with subprocess.Popen([*view, "-scene-load-hd", scene, "1"], env=there) as window:
            time.sleep(40)
            ImageGrab.grab(xdisplay=DISPLAY).save(picture)
            window.terminate()
        screen.terminate()


def main(work: Path) -> None:
    """Export in every layout, and keep what the pages show."""
    write_demo_subject(work / "study")
    made = export("100307", work / "study")
    figures = made.folder / "figures"
    for name in SCENES:
        shutil.copyfile(figures / f"unet.{name}.png", PICTURES / f"{name}.png")
    photograph(made.scene, PICTURES / "wb_view.png")
    for picture, (subject, study) in written_elsewhere(work).items():
        drawn = export(subject, study, out=work / "out" / picture).folder / "figures"
        scene = "relevancepial" if picture == "layout-bids" else "overview"
        (found,) = (each for each in drawn.glob("*.png") if each.stem.lower().replace("-", "").endswith(scene))
        shutil.copyfile(found, PICTURES / f"{picture}.png")
    for path in PICTURES.glob("*.png"):
        print(path.name, Image.open(path).size)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
