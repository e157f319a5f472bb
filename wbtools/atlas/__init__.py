"""Atlases of the cortex, and the same atlas in one person's native space, joined with the subcortex.

An atlas is one module of this package with a constant `ATLAS`; an entry in `ATLASES` makes it a choice of `--atlas`.
"""

from __future__ import annotations

from importlib import import_module

from wbtools.atlas.cortical import CorticalAtlas

__all__ = ["ATLASES", "CorticalAtlas", "cortical_atlas"]

ATLASES = {"hcp-mmp1": "mmp"}
"""Modules of this package that hold an atlas, by the choices of `--atlas`; the first is the default."""


def cortical_atlas(name: str = next(iter(ATLASES))) -> CorticalAtlas:
    """The atlas of this name.

    Examples
    --------
    >>> cortical_atlas().title, len(cortical_atlas().regions())
    ('HCP-MMP 1.0', 360)
    """
    atlas: CorticalAtlas = import_module(f"{__name__}.{ATLASES[name]}").ATLAS
    return atlas
