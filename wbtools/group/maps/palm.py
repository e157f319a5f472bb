"""A group's data for PALM, FSL's program for permutation tests: levels of regions, maps on the cortex, the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.group.maps import palm_readme
from wbtools.group.maps.group_files import GroupFile
from wbtools.group.maps.normalised import MESH, cortical_relevance, median_region
from wbtools.group.maps.palm_blocks import Exchange, blocks
from wbtools.group.maps.palm_readme import PalmTest
from wbtools.group.maps.standard_rows import cortex
from wbtools.images import gifti
from wbtools.reading import Export, NetworkResults
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.standard import VERTICES_32K, average_32k
from wbtools.text import cell, tsv

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class PalmData:
    """What PALM is to test.

    Parameters
    ----------
    people : mapping of str to NetworkResults
        One network's results by person; their order is that of all rows.
    levels : DataFrame, (N, R)
        People x regions.
    design : ndarray, (N, P)
        A column per regressor.
    regressors : sequence of str, (P,)
    contrasts : mapping of str to ndarray, (P,)
        A row of weights by name.
    families : sequence of str, (N,), optional
        The family of each person; without it, everybody may be exchanged with everybody.
    exchange : str
        What is exchanged if there are families (see `blocks`).
    kinds : sequence of str, (N,)
        Kinds of people within families, such as twins and their siblings; empty if all are of one kind.
    symmetric : bool
        Whether signs are flipped instead of exchanging people: for means against 0, with a design of ones.

    Raises
    ------
    InputError
        If shapes do not fit one another, or numbers of the design are not finite.
    """

    people: Mapping[str, NetworkResults]
    levels: pd.DataFrame
    design: NDArray[np.floating]
    regressors: Sequence[str]
    contrasts: Mapping[str, NDArray[np.floating]]
    families: Sequence[str] | None = None
    exchange: Exchange = "whole"
    kinds: Sequence[str] = ()
    symmetric: bool = False

    def __post_init__(self) -> None:
        count = len(self.people)
        told = [each for each in (self.families, self.kinds) if each]
        rows = {len(self.levels), len(self.design), *map(len, told)}
        if rows != {count} or list(self.levels.index) != list(self.people):
            raise InputError("levels, design, families and kinds need a row for each person, in the same order")
        weights = [np.shape(each) for each in self.contrasts.values()]
        if np.shape(self.design) != (count, len(self.regressors)) or set(weights) != {(len(self.regressors),)}:
            raise InputError("the design needs a column, and each contrast a weight, for every regressor")
        if not np.isfinite(self.design).all():
            raise InputError("the design holds a value that is not a number", hint="leave these people out")


def write_palm(folder: Path, data: PalmData) -> tuple[GroupFile, ...]:
    """Write what PALM needs to test levels of regions, and relevance vertex by vertex with TFCE.

    Parameters
    ----------
    folder : Path
        Exists and is empty.
    data : PalmData

    Returns
    -------
    tuple of GroupFile
    """
    kept = data.levels.loc[:, np.isfinite(data.levels.to_numpy(float)).all(axis=0)]
    files = [
        _csv(folder / "levels.csv", kept.to_numpy(float), "level of each region, people x regions"),
        _csv(folder / "design.csv", data.design, "design, people x regressors"),
        _csv(folder / "contrasts.csv", list(data.contrasts.values()), "contrasts x regressors"),
        _names(folder / "people.tsv", "person", data.people, "people, in the order of rows"),
        _names(folder / "regions.tsv", "region", kept.columns, "regions, in the order of the columns of levels.csv"),
    ]
    if data.families is not None:
        made = blocks(data.families, data.exchange, data.kinds)
        files.append(_csv(folder / "EB.csv", made, "exchangeability blocks"))
    for side in Hemisphere:
        files += _side(folder, side, data)
    readme = GroupFile(folder / "README.md", "how to run PALM on this folder")
    without = [str(name) for name in data.levels if name not in kept]
    readme.path.write_text(palm_readme.text(_test(data), without), encoding="utf-8")
    return (readme, *files)


def _test(data: PalmData) -> PalmTest:
    exchange = data.exchange if data.families is not None else ""
    return PalmTest(len(data.people), tuple(data.regressors), tuple(data.contrasts), exchange, data.symmetric)


def _side(folder: Path, side: Hemisphere, data: PalmData) -> list[GroupFile]:
    """One hemisphere: everybody's map, the mean area of each vertex, the cortex, and the average surface."""
    maps, areas = {}, np.zeros(VERTICES_32K)
    for who, results in data.people.items():
        maps[who] = cortical_relevance(results)[side] * np.float32(1 / median_region(results))
        areas += Export(results.contents).surface(side, MESH).vertex_areas()
    name, letter = side.name.lower(), side.letter
    stack = GroupFile(folder / f"relevance.{letter}.func.gii", f"everybody's normalised relevance, {name}, a map each")
    gifti.write_metrics(stack.path, maps, side)
    area = GroupFile(folder / f"area.{letter}.shape.gii", f"mean area of each vertex, mm2, {name}")
    gifti.write_metrics(area.path, {"area": areas / len(data.people)}, side)
    mask = GroupFile(folder / f"cortex.{letter}.shape.gii", f"1 on the cortex, 0 on the medial wall, {name}")
    gifti.write_metrics(mask.path, {"cortex": cortex()[side].astype(np.float32)}, side)
    surface = GroupFile(folder / f"midthickness.{letter}.surf.gii", f"midthickness of the S1200 average, {name}")
    meshes.write(surface.path, meshes.read(average_32k(side), side, placed=True), "midthickness")
    return [stack, area, mask, surface]


def _csv(path: Path, rows: Iterable[Iterable[float]], about: str) -> GroupFile:
    """Numbers without a header, as PALM reads them."""
    text = "".join(",".join(f"{value:.9g}" for value in row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return GroupFile(path, about)


def _names(path: Path, heading: str, names: Iterable[str], about: str) -> GroupFile:
    rows = [(heading,), *((cell(name),) for name in names)]
    path.write_text(tsv(rows), encoding="utf-8")
    return GroupFile(path, about)
