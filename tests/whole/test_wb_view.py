"""The scenes open in the real wb_view, on a screen that nobody sees, without an error dialog."""

import os
import shutil
import subprocess
import time

import numpy as np
import pytest

pytestmark = [
    pytest.mark.workbench,
    pytest.mark.skipif(
        not (shutil.which("wb_view") and shutil.which("Xvfb")), reason="wb_view or Xvfb is not installed"
    ),
]
SIZE = (1400, 1000)
PATIENCE = 90  # seconds; a loaded machine may need half of it


@pytest.fixture
def screen():
    """An X display of its own."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as stream:
        display = f":{stream.readline().strip()}"
    yield display
    server.terminate()
    server.wait()


def coloured(picture):
    """The share of an RGB picture that is not grey."""
    return (picture.max(2) - picture.min(2) > 60).mean()


def what_is_drawn(display, log, *opened):
    """The middle of the screen once wb_view has drawn what it was given; None if wb_view ended by itself."""
    from PIL import ImageGrab

    # OpenCV, which another test may have imported, names its own Qt.
    known = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "LD_LIBRARY_PATH"))}
    with log.open("ab") as said:
        viewer = subprocess.Popen(
            ["wb_view", "-no-splash", *map(str, opened)],
            env={**known, "DISPLAY": display},
            stderr=said,
            stdout=said,
        )
    try:
        before, still, deadline = None, 0, time.monotonic() + PATIENCE
        while time.monotonic() < deadline and viewer.poll() is None:
            time.sleep(3)
            picture = np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB")).astype(int)
            middle = picture[250:900, 100:1300]
            still = still + 1 if before is not None and np.array_equal(middle, before) else 0
            # A window without colour may be one that still reads its files.
            if (middle.max(2) > 12).mean() > 0.1 and still >= (1 if coloured(middle) > 0.01 else 5):
                break
            before = middle
        return middle if viewer.poll() is None else None
    finally:
        viewer.terminate()
        viewer.wait()


def dialog_and_colour(display, scene, log):
    """Open a scene; the shares of the picture's middle that are a dialog's light grey, and that are coloured."""
    middle = what_is_drawn(display, log, "-scene-load-hd", scene, "1")
    if middle is None:
        words = log.read_text(errors="replace")[-3000:]
        # Where wb_view cannot draw even a bare surface, the machine is at fault and not the scene.
        if what_is_drawn(display, log, next(scene.parent.glob("T1w/**/*.midthickness*.surf.gii"))) is None:
            pytest.skip(f"wb_view cannot draw on this machine: {words}")
        raise AssertionError(f"wb_view ended by itself: {words}")
    grey = (middle.min(2) > 230) & (middle.max(2) - middle.min(2) < 6) & (middle.max(2) < 250)
    return grey.mean(), coloured(middle)


def test_wb_view_shows_the_first_scene_without_a_dialog(exported, screen, tmp_path):
    _, folder = exported
    dialog, colour = dialog_and_colour(screen, folder / "100307.wbtools.scene", tmp_path / "log")
    assert dialog < 0.02
    assert colour > 0.01


def test_the_check_would_see_a_dialog(exported, screen, tmp_path):
    # The negative control: the same scene with a file missing makes wb_view complain.
    _, folder = exported
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / "100307.unet.32k_fs_LR.dscalar.nii").unlink()
    dialog, _ = dialog_and_colour(screen, tmp_path / "broken" / "100307.wbtools.scene", tmp_path / "log")
    assert dialog > 0.02
