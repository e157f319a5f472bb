"""Finished exports of made-up people: records and tables alone, as `wbtools group` reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from made_exports import files_in
from numpy.typing import NDArray

from wbtools.anatomy import Region
from wbtools.atlas import mmp
from wbtools.atlas.subcortex import subcortex_regions
from wbtools.output.ownership import PROVENANCE
from wbtools.provenance import Provenance
from wbtools.text import tsv

REGIONS = tuple(region for region in mmp.regions() if region.key % 20 == 1) + subcortex_regions()
"""Eighteen areas, and all structures."""
SETTINGS = {
    "subject": "",
    "models": ["unet.pt"],
    "layout": "auto",
    "target": "what the network is for",
    "atlas": "hcp-mmp1",
    "engine": "native",
    "threads": 2,
    "other": None,
}


@dataclass(frozen=True, eq=False)
class MadeUp:
    """How exports are made up.

    Parameters
    ----------
    planted : mapping of str to float
        What is added to the levels of regions in the networks' maps, doublings.
    networks : tuple of str
    randomised : int
    noise : float
        Of a person's levels, doublings.
    levels : bool
        Whether there are tables of levels.
    failed : bool
        Whether the maps failed their trust checks.
    method : str
    settings : mapping
        In place of those of `SETTINGS`.
    notice : str
    t1w : str
        Content of the T1w; the id without.
    """

    planted: Mapping[str, float] = field(default_factory=lambda: {"THALAMUS_LEFT": 5.0})
    networks: tuple[str, ...] = ("unet",)
    randomised: int = 20
    noise: float = 0.5
    levels: bool = True
    failed: bool = False
    method: str = "deviation"
    settings: Mapping[str, object] = field(default_factory=dict)
    notice: str = "made-up people"
    t1w: str = ""


def write_people(root: Path, people: Sequence[str], how: MadeUp | None = None, seed: int = 0) -> Path:
    """Write an export for each; the same regions are high in everybody, as brains and architectures have it."""
    common = np.random.default_rng(123).normal(0, 1, len(REGIONS))
    for place, who in enumerate(people):
        write_export(root, who, how or MadeUp(), common, np.random.default_rng([seed, place]))
    return root


def write_export(root: Path, who: str, how: MadeUp, common: NDArray[Any], dice: np.random.Generator) -> None:
    """Write one person's export: the record, and two tables for each network."""
    folder = root / who
    folder.mkdir(parents=True)
    record = Provenance({**SETTINGS, "subject": who, **how.settings})
    record.inputs["T1w/T1w_acpc_dc_restore_brain.nii.gz"] = hashlib.sha256((how.t1w or who).encode()).hexdigest()
    record.facts = {
        "subject": {"id": who, "layout": "hcp", "meshes": []},
        "atlas": {"name": "HCP-MMP1+subcortex"},
        "networks": {name: _about(name, how) for name in how.networks},
    }
    record.notice(how.notice, grave=False)
    for name in how.networks:
        levels = common + dice.normal(0, how.noise, (how.randomised + 1, len(REGIONS)))
        levels[0] += [how.planted.get(region.name, 0.0) for region in REGIONS]
        levels -= np.median(levels, axis=1, keepdims=True)
        (folder / f"{who}.{name}.regions.tsv").write_text(tsv(_ranking(levels)))
        if how.levels:
            (folder / f"{who}.{name}.levels.tsv").write_text(tsv(_levels(levels, dice)))
    record.write(folder / PROVENANCE, folder, files_in(folder))


def changed(how: MadeUp, **fields: Any) -> MadeUp:
    """The same made up otherwise."""
    return replace(how, **fields)


def _about(name: str, how: MadeUp) -> dict[str, object]:
    return {
        "title": f"Made-up network {name}",
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "attribution": {"method": how.method, "reference": {"source": "a template"}},
        "trust": {"passed": not how.failed, "verdict": "Failed: made so." if how.failed else "Passed: made so."},
        "against_randomised_networks": {"networks": how.randomised},
    }


def _ranking(levels: NDArray[Any]) -> list[list[str]]:
    means, null = 1e-6 * 2.0 ** levels[0], levels[1:]
    z = (levels[0] - null.mean(axis=0)) / null.std(axis=0, ddof=1) if len(null) > 1 else np.full(len(means), np.nan)
    head = ["rank", "region", "hemisphere", "kind", "key", "voxels", "volume_mm3", "abs_mean", "share", "score", "z"]
    rows = []
    for rank, place in enumerate(np.argsort(-means), 1):
        value, region = means[place], REGIONS[place]
        numbers = ["100", "100.0", f"{value:.6g}", f"{value / means.sum():.6g}", f"{value / means.max():.6f}"]
        rows.append([str(rank), *_named(region), *numbers, f"{z[place]:.3f}" if np.isfinite(z[place]) else "n/a"])
    return [head, *rows]


def _levels(levels: NDArray[Any], dice: np.random.Generator) -> list[list[str]]:
    head = ["key", "region", "hemisphere", "kind", "x", "y", "z", "level"]
    head += [f"network_{seed}" for seed in range(len(levels) - 1)]
    places = dice.normal(0, 1, (len(REGIONS), 3)) + [(0, 0, -10 * (region.key > 400)) for region in REGIONS]
    rows = []
    for region, place, values in zip(REGIONS, places, levels.T, strict=True):
        name, side, kind, key = _named(region)
        rows.append([key, name, side, kind, *(f"{x:.3f}" for x in place), *(f"{value:.6f}" for value in values)])
    return [head, *rows]


def _named(region: Region) -> list[str]:
    side = region.hemisphere.letter if region.hemisphere else "n/a"
    return [region.name, side, region.kind.value, str(region.key)]
