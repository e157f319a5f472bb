"""The subcortical structures that every atlas is joined with: their keys, names and colours."""

from __future__ import annotations

from functools import cache

from wbtools.anatomy import SUBCORTEX, Colour, Kind, Region, Structure
from wbtools.errors import AtlasError

SUBCORTEX_OFFSET = 400
"""Added to FreeSurfer's keys (8-60), so that areas and structures share one volume and the old key stays readable."""

# FreeSurfer's public colour table (FreeSurferColorLUT.txt), red, green, blue; both sides share a colour there.
_SUBCORTEX_COLOURS = {
    "ACCUMBENS": (255, 165, 0),
    "AMYGDALA": (103, 255, 255),
    "BRAIN": (119, 159, 176),
    "CAUDATE": (122, 186, 220),
    "CEREBELLUM": (230, 148, 34),
    "DIENCEPHALON": (165, 42, 42),
    "HIPPOCAMPUS": (220, 216, 20),
    "PALLIDUM": (12, 48, 255),
    "PUTAMEN": (236, 13, 176),
    "THALAMUS": (0, 118, 14),
}


@cache
def subcortex_regions() -> tuple[Region, ...]:
    """The 19 subcortical structures as regions that share an atlas with the areas; named as `anatomy.Structure`.

    Examples
    --------
    >>> [(region.key, region.name) for region in subcortex_regions() if "THALAMUS" in region.name]
    [(410, 'THALAMUS_LEFT'), (449, 'THALAMUS_RIGHT')]
    """
    return tuple(sorted(map(_structure, SUBCORTEX), key=lambda region: region.key))


def _structure(structure: Structure) -> Region:
    """The region of a structure, in FreeSurfer's colour."""
    label = structure.freesurfer_key
    if label is None:
        raise AtlasError(f"{structure.value} is no subcortical structure")
    red, green, blue = _SUBCORTEX_COLOURS[structure.value.split("_")[0]]
    colour: Colour = (red / 255, green / 255, blue / 255, 1.0)
    return Region(SUBCORTEX_OFFSET + label, structure.value, structure.hemisphere, Kind.SUBCORTEX, colour)
