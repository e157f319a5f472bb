"""Files of neuromaps' annotations, by name.

neuromaps (CC BY-NC-SA 4.0) is an extra; its maps come over the network, or from the folder NEUROMAPS_DATA.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.text import line

PREFIX = "neuromaps:"

_FIELDS = ("source", "desc", "space", "den")
_SPELLING = "write neuromaps:source-desc-space-den, for example neuromaps:hcps1200-myelinmap-fsLR-32k"


def fetch(name: str) -> dict[Hemisphere, Path]:
    """The files of an annotation, one a hemisphere; some maps are of the left hemisphere only.

    Parameters
    ----------
    name : str
        `neuromaps:source-desc-space-den`.

    Raises
    ------
    InputError
        If it is no such name, not on 32k_fs_LR, unknown to neuromaps, not to be had, or neuromaps is not installed.

    Examples
    --------
    >>> fetch("neuromaps:hcps1200-myelinmap-fsaverage-41k")
    Traceback (most recent call last):
    ...
    wbtools.errors.InputError: neuromaps:hcps1200-myelinmap-fsaverage-41k is not on fsLR-32k
    """
    words = dict(zip(_FIELDS, name.removeprefix(PREFIX).split("-"), strict=False))
    said = line(name, 120)
    if len(words) != len(_FIELDS) or not all(words.values()) or name.count("-") != len(_FIELDS) - 1:
        raise InputError(f"{said} names no annotation", hint=_SPELLING)
    if (words["space"], words["den"]) != ("fsLR", "32k"):
        raise InputError(f"{said} is not on fsLR-32k", hint="transform it by neuromaps.transforms and give the files")
    if find_spec("neuromaps") is None:
        raise InputError(f"{said} needs the Python package neuromaps", hint="pip install neuromaps, or give files")
    return _downloaded(said, words)


def _downloaded(said: str, words: dict[str, str]) -> dict[Hemisphere, Path]:
    """Files that neuromaps has, or fetches."""
    datasets = import_module("neuromaps.datasets")
    if not datasets.available_annotations(**words):
        raise InputError(f"neuromaps has no annotation {said.removeprefix(PREFIX)}", hint=_SPELLING)
    try:
        found = datasets.fetch_annotation(**words, verbose=0)
    except (OSError, ValueError) as error:
        why = line(error, 80)
        raise InputError(
            f"{said} cannot be fetched: {why}", hint="set NEUROMAPS_DATA to a folder that has it, or use the network"
        ) from None
    paths = [Path(path) for path in ([found] if isinstance(found, str) else found)]
    return {Hemisphere.LEFT if "hemi-L" in path.name else Hemisphere.RIGHT: path for path in paths}
