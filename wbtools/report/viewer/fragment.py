"""The viewer as a piece of a page: controls, what they show, niivue and the script that joins them.

It needs `script-src 'unsafe-inline'`, `style-src 'unsafe-inline'` and `img-src data:` (niivue's font) of a page's
Content-Security-Policy, asks for nothing from outside, and starts when it is scrolled into view or its button is
pressed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.report.viewer import display_grid, packing
from wbtools.report.viewer.shown import ANATOMICAL, OF_RELEVANCE, NetworkMaps, SurfaceMap, ViewerData
from wbtools.space.grid import Grid
from wbtools.surfaces.mesh import Mesh
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette

_FILES = resources.files("wbtools.report.viewer")
_SCRIPTS = ("unpacking.js", "viewer.js")
_QUANTUM = 0.02  # mm; steps of a surface's coordinates
_GREYS = 128  # of the T1w; more than an eye tells apart, and noise below them does not compress
_OF_VOXELS, _OF_VERTICES = 400, 2000  # steps up to the top of the colours: voxels are many, and fade without bands

Blocks = dict[str, str]


def fragment(data: ViewerData) -> str:
    """The viewer as HTML, for one place in a page (jinja2's `Markup`: it is not escaped again).

    Parameters
    ----------
    data : ViewerData

    Returns
    -------
    Markup
        4 MB or so: elements, a style, packed data and scripts.

    Raises
    ------
    InputError
        If a surface has more vertices than 16 bits count.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    grid = display_grid.grid_of(data)
    blocks: Blocks = {"engine": packing.as_text(_FILES.joinpath("niivue.js.gz").read_bytes())}
    about = {
        "volume": _volume(data, grid, blocks),
        "networks": [_network(f"network{i}", maps, grid, blocks) for i, maps in enumerate(data.networks)],
        "surfaces": {kind: _surfaces(kind, meshes, blocks) for kind, meshes in data.surfaces.items()},
        "places": {name: [round(float(mm), 1) for mm in point] for name, point in data.places.items()},
        "anatomical": data.anatomical,
        "sides": [side.letter for side in data.sides],
        "folding": bool(data.folding),
        "areas": list(data.names.values()),
    }
    _sides(data, blocks)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_FILES.joinpath("viewer.html").read_text(encoding="utf-8"))
    about_text = json.dumps(about, allow_nan=False).replace("<", "\\u003c")
    script = "\n".join(_FILES.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS)
    text = template.render(about=about, about_text=Markup(about_text), blocks=blocks, script=Markup(script))
    return Markup(text)


def _volume(data: ViewerData, grid: Grid, blocks: Blocks) -> dict[str, Any]:
    """The T1w in as many greys as an eye tells apart."""
    values = display_grid.on_grid(data.t1w, grid)
    white = palette.anatomy(values).high
    grey = np.clip(values * (_GREYS / white), 0, _GREYS - 1).astype(np.uint8)
    blocks["t1w"] = packing.levels(grey)
    centre = grid.to_world((np.array(grid.shape) - 1) / 2)
    return {
        "greys": _GREYS,
        "shape": grid.shape,
        "origin": grid.affine[:3, 3].tolist(),
        "spacing": float(grid.affine[0, 0]),
        "centre": centre.tolist(),
    }


def _network(name: str, maps: NetworkMaps, grid: Grid, blocks: Blocks) -> dict[str, Any]:
    """A network's relevance on the grid, and its maps."""
    relevance = _scale(maps.palette, _OF_VOXELS)
    voxels = display_grid.on_grid(maps.relevance, grid).ravel(order="F")
    blocks[f"{name}.relevance"] = packing.columns(packing.steps(voxels, relevance["step"]))
    metrics = [_map(f"{name}.map{i}", shown, metric, blocks) for i, (shown, metric) in enumerate(maps.metrics.items())]
    return {
        "name": maps.name,
        "relevance": {"block": f"{name}.relevance", "unit": OF_RELEVANCE, **relevance},
        "maps": metrics,
    }


def _map(block: str, name: str, metric: SurfaceMap, blocks: Blocks) -> dict[str, Any]:
    """A map on the surfaces, a block for each hemisphere."""
    scale = _scale(metric.palette, _OF_VERTICES)
    names = {side.letter: f"{block}.{side.letter}" for side in metric.values}
    for side, values in metric.values.items():
        blocks[names[side.letter]] = packing.columns(packing.steps(values, scale["step"]))
    return {"name": name, "blocks": names, "unit": metric.unit, **scale}


def _scale(shown: Palette, levels: int) -> dict[str, Any]:
    """How the numbers of a map are coloured, and in which steps they are stored."""
    return {
        "maximum": shown.high,
        "threshold": shown.threshold or 0.0,
        "negative": shown.negative,
        "step": shown.high / levels,
    }


def _surfaces(kind: str, meshes: Mapping[Hemisphere, Mesh], blocks: Blocks) -> dict[str, Any]:
    """The vertices of a kind of surface, in steps that 16 bits hold."""
    largest = max(float(np.abs(mesh.vertices).max()) for mesh in meshes.values())
    quantum = max(_QUANTUM, largest / 32000)
    names = {side.letter: f"{kind}.{side.letter}" for side in meshes}
    for side, mesh in meshes.items():
        blocks[names[side.letter]] = packing.columns(packing.steps(mesh.vertices, quantum))
    return {"quantum": quantum, "anatomical": kind in ANATOMICAL, "blocks": names}


def _sides(data: ViewerData, blocks: Blocks) -> None:
    """What all surfaces of a hemisphere share: triangles, areas (1 is the first name) and folding."""
    for side, mesh in data.surfaces[data.anatomical].items() if data.anatomical else ():
        blocks[f"triangles.{side.letter}"] = packing.columns(mesh.triangles)
        blocks[f"areas.{side.letter}"] = packing.columns(_numbered(data.areas[side], list(data.names)))
        if data.folding:
            depth = data.folding[side]
            high = palette.folding(depth).high
            blocks[f"folding.{side.letter}"] = packing.columns(packing.steps((depth / high + 1).clip(0, 2), 2 / 255))


def _numbered(keys: NDArray[np.integer], order: list[int]) -> NDArray[np.uint16]:
    """Each vertex' place in the order of names, from 1 on; 0 without a name."""
    numbers = np.zeros(len(keys), np.uint16)
    for number, key in enumerate(order, start=1):
        numbers[keys == key] = number
    return numbers
