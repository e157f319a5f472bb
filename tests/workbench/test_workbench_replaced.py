"""Where Workbench draws the tiny scene and fails at a real one, wbtools draws; wrong pictures stay errors."""

import numpy as np
import pytest
from made_workbenches import CRASH, DRAW, ONLY_PROBED, SILENT, pictures_of, write_halves, write_workbench
from PIL import Image

from wbtools.drawing.renderer_choice import Renderer, choose, look
from wbtools.errors import CheckError, CommandError
from wbtools.workbench import render

pytestmark = pytest.mark.workbench


@pytest.fixture
def scenes(session, tmp_path):
    return {tmp_path / "figures" / f"{name}.png": getattr(session, name)() for name in ("volume", "montage")}


def drawn(png):
    with Image.open(png) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(("broken", "said"), [(CRASH, "ended by signal 11"), (SILENT, "wrote no .volume.")])
def test_where_workbench_fails_at_a_scene_wbtools_draws_all_of_them(session, tmp_path, scenes, broken, said):
    program = write_workbench(tmp_path, capture=ONLY_PROBED.replace(CRASH, broken) + DRAW)
    renderer = choose("auto", look(program))
    assert renderer.workbench
    made = renderer.draw(scenes, session.folder)
    assert renderer.workbench is None and "Workbench 2.1.0 failed: -scene-capture-image" in renderer.reason
    assert said in renderer.notice and str(tmp_path) not in renderer.notice
    assert list(made) == list(scenes)
    for png, scene in scenes.items():
        assert drawn(png).shape == (*scene.size[::-1], 3)
        assert render.measure(drawn(png))[1] > 0.002
        assert made[png].thumbnail == render.thumbnail(png)
    with pytest.raises(CommandError, match="-scene-capture-image"):
        choose("workbench", look(program)).draw(scenes, session.folder)


def test_a_wrong_picture_of_a_scene_stays_an_error(session, tmp_path, scenes):
    blank = write_halves(tmp_path / "blank.png", (0, 0, 0), (0, 0, 0))
    capture = f'case "$5" in *halves.scene) {DRAW} ;; *) {pictures_of(str(blank))} ;; esac'
    with pytest.raises(CheckError, match="is blank"):
        choose("auto", look(write_workbench(tmp_path, capture=capture))).draw(scenes, session.folder)


def test_scenes_that_are_drawn_side_by_side_are_those_of_a_sheet(session, wb, scenes):
    made = Renderer(wb).draw(scenes, session.folder, cores=2)
    first = {png: png.read_bytes() for png in scenes}
    render.render_sheet(wb, scenes, session.folder)
    assert {png: png.read_bytes() for png in scenes} == first
    assert list(made) == list(scenes)
