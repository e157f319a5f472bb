"""What BIDS wants to know of a derived data set as a whole: what made it, in which container, and of which data."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wbtools.output.ownership import read_plain
from wbtools.version import __version__

DESCRIPTION = "dataset_description.json"
CODE_URL = "https://github.com/wbtools/wbtools"
CONTAINER = "WBTOOLS_CONTAINER"
"""Environment variable with the address of the image that the process runs in, set by the image itself."""
_APPTAINER = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
"""Set by the program that runs an image; their values are paths, which outputs do not hold."""

_ABOVE = 4
"""Folders above a subject's in which its data set's description may be: `anat`, `ses-X`, `sub-X`, the data set."""
_NEAR = 2
"""Steps up to the folder that both data sets lie in, of an address that says where the other one is."""
_KEYS = ("URL", "DOI", "Version")


def generated_by(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """BIDS' `GeneratedBy` of this version of wbtools.

    Parameters
    ----------
    environment : mapping
        Whose `WBTOOLS_CONTAINER` names the image, such as `docker://wbtools/wbtools:1.0`.

    Examples
    --------
    >>> generated_by({"WBTOOLS_CONTAINER": "docker://wbtools/wbtools:1.0"})["Container"]
    {'Type': 'docker', 'Tag': 'wbtools/wbtools:1.0', 'URI': 'docker://wbtools/wbtools:1.0'}
    >>> "Container" in generated_by({})
    False
    """
    about: dict[str, Any] = {"Name": "wbtools", "Version": __version__, "CodeURL": CODE_URL}
    address = environment.get(CONTAINER, "")
    if not address.isprintable() or not address:
        return about
    scheme, mark, tag = address.rpartition("://")
    kind = "apptainer" if any(map(environment.get, _APPTAINER)) else scheme or "docker"
    return {**about, "Container": {"Type": kind, "Tag": tag, **({"URI": address} if mark else {})}}


def source_datasets(root: Path, subject: Path) -> list[dict[str, str]]:
    """BIDS' `SourceDatasets`: the data set that a subject is read from, and those that it names itself.

    Parameters
    ----------
    root : Path
        The folder of all exports.
    subject : Path
        The subject's folder of inputs, or its image.

    Returns
    -------
    list of dict
        With `URL` (relative, of a data set nearby), `DOI` and `Version`, as far as they are known.
    """
    for folder in list(subject.absolute().parents)[:_ABOVE]:
        said = _described(folder)
        if said is not None:
            doi = said.get("DatasetDOI")
            own = {**_beside(root, folder), **({"DOI": doi} if isinstance(doi, str) and doi else {})}
            return [entry for entry in (own, *_named(said.get("SourceDatasets"))) if entry]
    return []


def _described(folder: Path) -> dict[str, Any] | None:
    """What a folder's description of a data set says; None without one that can be read."""
    try:
        found = json.loads(read_plain(folder / DESCRIPTION).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _beside(root: Path, folder: Path) -> dict[str, str]:
    """Where a data set is, from that of the exports; nothing if it is far away: paths say who works where."""
    way = Path(os.path.relpath(folder.resolve(), root.resolve()))
    return {"URL": way.as_posix()} if way.parts.count("..") <= _NEAR else {}


def _named(entries: object) -> Iterator[dict[str, str]]:
    """The sources of a source that have an address for everybody."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            kept = {key: entry[key] for key in _KEYS if isinstance(entry.get(key), str)}
            if not kept.get("URL", "https:").startswith(("http:", "https:", "doi:")):
                del kept["URL"]
            if {"URL", "DOI"} & kept.keys():
                yield kept
