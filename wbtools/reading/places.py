"""What a user named: the folder of an export, its record, or a zip file of it."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from wbtools.errors import InputError, MissingFile
from wbtools.images.diagnosis import unreadable
from wbtools.output.ownership import PROVENANCE
from wbtools.reading.container import HINT, Container, Folder
from wbtools.reading.zipped import Zipped


def contained(place: Path) -> Container:
    """The files of an export that the user named by its folder, its record or a zip file.

    Raises
    ------
    InputError
        If there is nothing of that name, or something else.
    """
    if place.name == PROVENANCE:
        place = place.parent
    mode = mode_of(place, HINT)
    if stat.S_ISDIR(mode):
        return Folder(place)
    if is_zip(place, mode):
        return Zipped(place)
    raise InputError(f"{place} is neither a folder nor a zip file", hint=HINT)


def mode_of(place: Path, hint: str) -> int:
    """What sort of thing a user named: the mode of what a link leads to.

    Raises
    ------
    InputError
        If there is nothing of that name, with this hint, or it cannot be known.
    """
    try:
        return place.stat().st_mode
    except (OSError, ValueError) as error:
        found = unreadable(place, error)
        raise (found.hinting(hint) if isinstance(found, MissingFile) else found) from None


def is_zip(place: Path, mode: int) -> bool:
    """Whether it is a zip file, of this mode.

    Raises
    ------
    InputError
        If it is a file that may not be read.
    """
    if not stat.S_ISREG(mode):
        return False
    try:
        with place.open("rb") as stream:
            return zipfile.is_zipfile(stream)
    except OSError as error:
        raise unreadable(place, error) from None
