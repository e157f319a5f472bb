"""The interactive viewer: what stands in the page, and what a browser makes of it."""

import re

import numpy as np
import pytest
from browser import needs_chromium, opened

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.report.viewer import display_grid
from wbtools.report.viewer.fragment import fragment
from wbtools.report.viewer.shown import NetworkMaps, SurfaceMap, ViewerData
from wbtools.space.grid import Grid, Unit, Volume, reorient
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.workbench.palette import Palette

LEFT, RIGHT = Hemisphere.LEFT, Hemisphere.RIGHT
POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
MARKER = np.array([-20.0, 10.0, 5.0])  # mm: in the left hemisphere
AREAS = {1: "R_V1_ROI", 181: "L_V1_ROI", 182: "L_</script><b>_ROI", 183: "L_medial_ROI"}


def world(grid):
    """World coordinates of all voxels, (X, Y, Z, 3)."""
    return grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))


def head(grid):
    """A round grey brain of 90 mm, and relevance in a small ball in its left half."""
    points = world(grid)
    brain = 100.0 * (np.linalg.norm(points, axis=-1) < 45)
    ball = 1e-6 * (np.linalg.norm(points - MARKER, axis=-1) < 7)
    return Volume(brain.astype(np.float32), grid), Volume(ball.astype(np.float32), grid, Unit.DENSITY)


def sphere(side, radius):
    """A sphere on one side of the midline, 22 mm away from it."""
    mesh = icosphere(12, radius, side)
    return Mesh(mesh.vertices + np.array([-22.0 if side is LEFT else 22.0, 0, 0]), mesh.triangles, side)


def areas_of(side, mesh):
    """V1 behind; on the left also an area in front and outside, and another in front and inside."""
    x, y, _ = mesh.vertices.T
    if side is RIGHT:
        return np.where(y < -6, 1, 0)
    return np.where(y < -6, 181, np.where(y < 2, 0, np.where(x < -22, 182, 183)))


def shown(grid, networks=("unet",)):
    """The head, a pial and an inflated sphere a side, and areas; each network has half the relevance of the last."""
    t1w, ball = head(grid)
    surfaces = {
        "inflated": {s: sphere(s, 20) for s in (LEFT, RIGHT)},
        "pial": {s: sphere(s, 18) for s in (LEFT, RIGHT)},
    }
    areas = {side: areas_of(side, mesh) for side, mesh in surfaces["pial"].items()}
    score = {side: np.where(areas[side] == 182, 0.75, 0.0).astype(np.float32) for side in (LEFT, RIGHT)}
    maps = {"heatmap": SurfaceMap(score, Palette(high=1.0, threshold=0.05), "score")}
    found = []
    for halvings, name in enumerate(networks):
        relevance = Volume(ball.data * np.float32(0.5**halvings), grid, Unit.DENSITY)
        found.append(NetworkMaps(name, relevance, Palette(high=1e-6, threshold=1e-7), maps))
    return ViewerData(t1w, tuple(found), surfaces, areas, AREAS, places={"PUTAMEN_LEFT": tuple(MARKER)})


GRIDS = {
    "LAS": Grid((64, 60, 58), [[-1.6, 0, 0, 51], [0, 1.6, 0, -47], [0, 0, 1.6, -46], [0, 0, 0, 1]]),
    "RAS": Grid((64, 60, 58), [[1.6, 0, 0, -51], [0, 1.6, 0, -47], [0, 0, 1.6, -46], [0, 0, 0, 1]]),
    "PSR": Grid((60, 58, 64), [[0, 0, 1.6, -51], [-1.6, 0, 0, 47], [0, 1.6, 0, -46], [0, 0, 0, 1]]),
}


def written(path, data):
    path.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>t</title>'
        f'<link rel="icon" href="data:,"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<body>{fragment(data)}</body></html>"
    )
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(tmp_path_factory.mktemp("viewer") / "page.html", shown(GRIDS["LAS"], ("unet", "resnet <&>")))


DRAWN = "Number(document.getElementById('viewer').dataset.drawn ?? 0)"
WORDS = "document.querySelector('[data-part=words]').textContent"


def started(browser):
    browser.wait(f"{DRAWN} >= 1")
    return browser


def after(browser, act):
    """Do something, and wait until the viewer has drawn it."""
    before = browser.run(f"return {DRAWN}")
    act()
    browser.wait(f"{DRAWN} > {before}")
    browser.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def press(browser, view):
    after(browser, lambda: browser.find(f"[data-view={view}]").click())


def choose(browser, name, value):
    """Set a control as a person would, with its event."""
    script = (
        "const [name, value] = arguments; const control = document.querySelector(`[name=viewer-${name}]`);"
        "control.value = value; control.dispatchEvent(new Event(control.type === 'range' ? 'input' : 'change'));"
    )
    after(browser, lambda: browser.run(script, name, value))


def coloured(pixels):
    """Where a picture is warm: more red than green and blue; neither grey nor the crosshair."""
    red, green, blue = (pixels[..., c].astype(int) for c in range(3))
    return (red > green + 25) & (red > blue + 5)


# -------------------------------------------------------------------------------------------------------- in the page


def test_names_of_areas_and_networks_cannot_leave_their_place(page):
    text = page.read_text()
    assert "</script><b>" not in text and "resnet <&>" not in text
    assert "L_\\u003c/script>\\u003cb>_ROI" in text and "resnet &lt;&amp;&gt;" in text


def test_the_page_names_no_address_outside_except_in_the_licences_of_the_engine(page):
    outside_blocks = re.sub(r'<script type="text/plain".*?</script>', "", page.read_text(), flags=re.S)
    assert not re.search(r"https?://|//\w+\.\w+/|@import|url\(", outside_blocks)


@pytest.mark.parametrize("name", GRIDS)
def test_relevance_keeps_its_place_in_space_whatever_the_order_of_the_voxels(name):
    data = shown(GRIDS[name])
    grid = display_grid.grid_of(data)
    values = display_grid.on_grid(data.networks[0].relevance, grid)
    centre = (world(grid) * values[..., None]).sum(axis=(0, 1, 2)) / values.sum()
    # The ball's voxels are 1.6 mm: their own centre is off by less than half of one.
    assert np.abs(centre - MARKER).max() < 0.8


def test_a_large_head_gets_larger_voxels_not_a_larger_page():
    grid = Grid((100, 100, 100), np.diag([3.0, 3.0, 3.0, 1.0]))
    everywhere = np.zeros(grid.shape, np.float32)
    everywhere[2:-2, 2:-2, 2:-2] = 1
    relevance = NetworkMaps("unet", Volume(everywhere, grid), Palette())
    found = display_grid.grid_of(ViewerData(Volume(everywhere, grid), (relevance,)))
    assert np.prod(found.shape) < 5.2e6 and found.voxel_sizes[0] > 1.6


def test_a_neck_far_from_cortex_and_relevance_is_left_out():
    grid = Grid((40, 40, 120), [[3, 0, 0, -60], [0, 3, 0, -60], [0, 0, 3, -300], [0, 0, 0, 1]])
    t1w, relevance = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    t1w[5:-5, 5:-5, 2:118], relevance[20, 20, 100] = 1, 1
    found = display_grid.grid_of(
        ViewerData(Volume(t1w, grid), (NetworkMaps("unet", Volume(relevance, grid), Palette()),))
    )
    assert found.corners()[:, 2].min() == pytest.approx(-1.5 - 30)


def test_maps_that_do_not_fit_their_surface_are_refused():
    data = shown(GRIDS["RAS"])
    with pytest.raises(InputError, match="value for every vertex"):
        ViewerData(data.t1w, data.networks, data.surfaces, {LEFT: np.zeros(5, int), RIGHT: data.areas[RIGHT]}, AREAS)
    turned = Mesh(data.surfaces["pial"][LEFT].vertices, data.surfaces["pial"][LEFT].triangles[::-1], LEFT)
    with pytest.raises(InputError, match="different triangles"):
        ViewerData(data.t1w, data.networks, {**data.surfaces, "inflated": {LEFT: turned}}, data.areas, AREAS)


# ------------------------------------------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def browser(page):
    with opened(page) as found:
        yield started(found)


@needs_chromium
def test_the_viewer_starts_without_a_message_and_asks_for_nothing(page):
    with opened(page) as found:
        started(found)
        for view in ("left-lateral", "above", "slices"):
            press(found, view)
        choose(found, "network", "1")
        assert found.console() == [] and found.requests() == []
        assert found.run("return document.querySelectorAll('canvas').length") == 1


@needs_chromium
def test_nothing_starts_before_it_is_seen_and_a_button_starts_it(page, tmp_path):
    below = tmp_path / "below.html"
    below.write_text(page.read_text().replace("<body>", '<body><div style="height: 5000px"></div>'))
    with opened(below) as found:
        assert found.run("return typeof niivue + document.querySelector('[data-part=stage]').hidden") == "undefinedtrue"
        found.run("document.querySelector('[data-part=start]').click()")
        started(found)


@needs_chromium
def test_without_javascript_there_is_a_sentence_and_nothing_broken(page):
    with opened(page, javascript=False) as found:
        assert found.run("return document.querySelector('noscript').getBoundingClientRect().height") > 10
        assert not found.find("[data-part=stage]").is_displayed() and not found.find("[data-part=start]").is_displayed()
        assert found.console() == [] and found.requests() == []


@needs_chromium
def test_without_webgl_there_is_a_sentence_in_place_of_the_controls(page):
    with opened(page, webgl=False) as found:
        found.wait("!document.querySelector('[data-part=unable]').hidden")
        assert "needs WebGL" in found.find("#viewer").text and not found.find("[data-part=stage]").is_displayed()
        assert found.console() == []


def tiles(pixels):
    """The three slices of a picture: parts between the black columns that separate them."""
    used = np.flatnonzero((pixels.max(axis=2) > 40).any(axis=0))
    parts = np.split(used, np.flatnonzero(np.diff(used) > 8) + 1)
    return [pixels[:, part[0] : part[-1] + 1] for part in parts]


def marker(tile):
    """Where the coloured ball is from the middle of the brain: columns and rows, downwards, in mm."""
    bright = tile.max(axis=2) > 100
    rows, columns = (np.flatnonzero(bright.sum(axis=axis) > 30) for axis in (1, 0))  # neither letters nor the crosshair
    middle = np.array([rows[0] + rows[-1], columns[0] + columns[-1]]) / 2
    down, across = np.argwhere(coloured(tile)).mean(axis=0) - middle
    scale = 88.0 / (columns[-1] - columns[0])  # the brain is cut 5 to 20 mm from its centre: 81 to 89 mm wide
    return across * scale, down * scale


def letter(tile, left):
    """The share of bright pixels in the upper right of the letter at a tile's edge: none in an L, many in an R."""
    height, width = tile.shape[:2]
    edge = tile[:, : 2 * width // 25] if left else tile[:, -2 * width // 25 :]
    white = (edge.min(axis=2) > 222) & (np.abs(np.arange(height) - height / 2) < height / 12)[:, None]
    rows, columns = np.nonzero(white)
    inside = white[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return inside[: inside.shape[0] // 2, inside.shape[1] * 5 // 9 :].mean()


@needs_chromium
def test_what_is_left_in_the_person_is_on_the_side_marked_left(browser, tmp_path):
    press(browser, "slices")
    choose(browser, "network", "0")
    choose(browser, "region", "PUTAMEN_LEFT")
    assert "relevance 1.0e-6" in browser.run(f"return {WORDS}")
    axial, coronal, sagittal = tiles(browser.screenshot("[data-part=canvas]", tmp_path / "slices.png"))
    x, y, z = MARKER
    # 2 mm: voxels of 1.6 mm, and the width of the brain in the slice is known to 8 %.
    assert marker(axial) == pytest.approx((x, -y), abs=2) and marker(coronal) == pytest.approx((x, -z), abs=2)
    assert marker(sagittal) == pytest.approx((-y, -z), abs=2)  # the front is on the left
    for tile in (axial, coronal):
        assert letter(tile, left=True) < 0.05 and letter(tile, left=False) > 0.2


@needs_chromium
def test_colours_are_those_of_magma_and_fade_below_the_threshold_instead_of_ending(browser):
    press(browser, "slices")
    choose(browser, "network", "1")  # relevance is half of the scale's top
    choose(browser, "region", "PUTAMEN_LEFT")
    choose(browser, "opacity", "100")
    seen = {}
    for threshold in (0, 50, 100):
        choose(browser, "threshold", str(threshold))
        tile = tiles(browser.screenshot("[data-part=canvas]"))[0]
        if not threshold:
            row, column = np.argwhere(coloured(tile)).mean(axis=0).astype(int)
        seen[threshold] = np.median(tile[row - 16 : row - 8, column - 16 : column - 8].reshape(-1, 3), axis=0)
    magma, grey = np.array([183, 55, 121]), 213  # matplotlib's magma(0.5); 100 of 120, the white of the T1w
    # 4: 128 greys, and colours of 8 bits
    np.testing.assert_allclose(seen[0], magma, atol=4)
    np.testing.assert_allclose(seen[50], magma, atol=4)
    np.testing.assert_allclose(seen[100], (magma + grey) / 2, atol=4)


def hover(browser, across, down):
    """Put the pointer on the canvas, from its middle on; the words that appear."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser.driver).move_to_element_with_offset(browser.find("canvas"), across, down).perform()
    return browser.run(f"return {WORDS}")


@needs_chromium
def test_the_pointer_names_the_area_in_front_and_its_value(browser):
    press(browser, "left-lateral")
    for kind in ("inflated", "pial"):
        choose(browser, "kind", kind)
        assert hover(browser, -60, 0) == "L_</script><b>_ROI: heatmap 0.75"
        assert hover(browser, 60, 0) == "L_V1_ROI: heatmap 0"
        assert hover(browser, 500, 0) == ""
    press(browser, "left-medial")
    assert hover(browser, 60, 0) == "L_medial_ROI: heatmap 0"
    press(browser, "right-lateral")
    assert hover(browser, -60, 0) == "R_V1_ROI: heatmap 0"
    press(browser, "above")
    assert hover(browser, -80, 60) == "L_V1_ROI: heatmap 0" and hover(browser, 80, 60) == "R_V1_ROI: heatmap 0"


@needs_chromium
def test_what_is_seen_of_a_surface_is_what_the_pointer_finds(browser):
    press(browser, "left-lateral")
    choose(browser, "kind", "inflated")
    warm = coloured(browser.screenshot("[data-part=canvas]"))
    middle = warm.shape[1] // 2
    assert warm[:, :middle].sum() > 2000 and warm[:, middle:].sum() < 100
    press(browser, "left-medial")
    assert coloured(browser.screenshot("[data-part=canvas]")).sum() < 300  # an edge of the lateral area may show


@needs_chromium
def test_choosing_a_region_moves_the_crosshair_or_turns_the_surface_to_it(browser):
    press(browser, "slices")
    choose(browser, "region", "R_V1_ROI")
    x, y, _ = map(float, re.search(r"x (\S+), y (\S+), z (\S+) mm", browser.run(f"return {WORDS}")).groups())
    assert 4 < x < 40 and y < -6 and "R_V1_ROI" in browser.run(f"return {WORDS}")
    press(browser, "right-lateral")
    choose(browser, "region", "L_medial_ROI")
    assert browser.run("return document.querySelector('[aria-pressed=true]').dataset.view") == "left-medial"
    assert browser.run(f"return {WORDS}").startswith("L_medial_ROI: heatmap")


@needs_chromium
def test_letters_are_clear_of_the_crosshair_that_runs_through_the_middle(browser):
    press(browser, "slices")
    choose(browser, "region", "")
    browser.run("document.querySelector('canvas').scrollIntoView()")
    for tile in tiles(browser.screenshot("[data-part=canvas]")):
        rows = np.flatnonzero((tile.max(axis=2) > 40).any(axis=1))
        ends = tile[rows[-1] - 24 : rows[-1], tile.shape[1] // 2 - 7 : tile.shape[1] // 2 + 7].astype(int)
        assert (ends.min(axis=2) > 200).sum() > 10 and not ((ends[..., 1] - ends[..., 0]) > 60).any()


@needs_chromium
def test_colours_have_their_unit_and_a_surface_forgets_where_the_slices_were(browser):
    high = "return document.querySelector('[data-part=high]').textContent"
    press(browser, "slices")
    assert browser.run(high) == "1.0e-6 1/mm\u00b3" and " mm" in browser.run(f"return {WORDS}")
    press(browser, "left-lateral")
    assert browser.run(high) == "1 score" and browser.run(f"return {WORDS}") == ""


@needs_chromium
def test_every_control_has_a_name_and_is_reached_by_the_keyboard(browser):
    press(browser, "left-lateral")
    controls = browser.driver.find_elements("css selector", "#viewer :is(input, select, button, canvas)")
    named = [control.accessible_name for control in controls if control.is_displayed()]
    assert len(named) == 13 and all(named)
    assert browser.run("return [...document.querySelectorAll('#viewer [tabindex]')].map((e) => e.tabIndex)") == [0]


@needs_chromium
def test_it_is_left_out_of_print(browser):
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find("#viewer").is_displayed()
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@needs_chromium
def test_slices_alone_are_shown_where_there_are_no_surfaces(tmp_path):
    whole = shown(GRIDS["RAS"])
    network = NetworkMaps("unet", whole.networks[0].relevance, whole.networks[0].palette)
    with opened(written(tmp_path / "page.html", ViewerData(whole.t1w, (network,), places=whole.places))) as found:
        started(found)
        choose(found, "region", "PUTAMEN_LEFT")
        assert "relevance 1.0e-6" in found.run(f"return {WORDS}") and found.console() == []
        assert len(found.driver.find_elements("css selector", "[data-view]")) == 1


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "PSR"])
def test_volumes_are_interpolated_as_by_scipy_whatever_their_voxels_order(orientation):
    from scipy.ndimage import map_coordinates

    offset = np.array([[0.7, 0, 0, -5], [0, 0.8, 0, 3], [0, 0, 0.9, 1], [0, 0, 0, 1]])
    data = np.random.default_rng(0).random((20, 24, 22)).astype(np.float32)
    volume = reorient(Volume(data, Grid(data.shape, offset)), orientation)
    target = Grid((16, 18, 24), np.array([[1.0, 0, 0, -6.3], [0, 1, 0, 2.2], [0, 0, 1, 0.4], [0, 0, 0, 1]]))
    places = np.moveaxis(volume.grid.to_index(world(target)), -1, 0)
    expected = map_coordinates(volume.data, places, order=1, mode="grid-constant", cval=0.0)
    np.testing.assert_allclose(display_grid.on_grid(volume, target), expected, atol=1e-6)  # float32
