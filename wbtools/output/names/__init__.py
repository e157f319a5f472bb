"""Naming conventions of output files, one module each; a new one is a module like `hcp` and an entry of `NAMINGS`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from wbtools.output.names.bids import BIDS
from wbtools.output.names.convention import Convention, OutputFolder
from wbtools.output.names.hcp import HCP

__all__ = ["NAMINGS", "Convention", "Naming", "OutputFolder", "folder_name", "unique"]

Naming = Literal["hcp", "bids"]

NAMINGS: dict[Naming, Convention] = {"hcp": HCP, "bids": BIDS}


def folder_name(subject: str, naming: Naming) -> str:
    """A subject's folder of outputs, from the folder of all exports; a BIDS session's lies in its subject's.

    Examples
    --------
    >>> folder_name("100307", "hcp"), folder_name("100307", "bids"), folder_name("sub-01_ses-a", "bids")
    ('100307', 'sub-100307', 'sub-01/ses-a')
    """
    return NAMINGS[naming].subject_folder(subject)


def unique(names: list[str], paths: Sequence[Path]) -> list[str]:
    """Names of networks for files: the cards' names; where they repeat, with the checkpoint's name.

    Examples
    --------
    >>> unique(["unet", "unet"], [Path("nets.a:build"), Path("nets.b:build")])
    ['unet-nets-a-build', 'unet-nets-b-build']
    """
    if len(names) > 1:
        stems = [re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem if path.exists() else str(path)) for path in paths]
        names = [n if names.count(n) == 1 else f"{n}-{stem}" for n, stem in zip(names, stems, strict=True)]
    return [n if names.count(n) == 1 else f"{n}-{place}" for place, n in enumerate(names, 1)]
