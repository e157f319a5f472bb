"""The record of an export, read: whether wbtools wrote it, which version, and what it lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from wbtools.errors import InputError
from wbtools.output.ownership import PROVENANCE, subject_of
from wbtools.text import line
from wbtools.version import __version__

Json = Mapping[str, Any]

_DEEPEST = 40
"""Levels of a record: those that wbtools writes have fewer than ten."""
_OF_ONE = re.compile(r"\b([Tt]his) (person|subject|head|brain|image|scan|export)\b")
_MOST = 1e300
"""Of any number of a record."""


class NoExport(InputError):
    """What wbtools wrote is whole, and no export of a person: a report over a batch, for example."""


@dataclass(frozen=True, eq=False)
class Record:
    """What `provenance.json` says.

    Parameters
    ----------
    content : mapping
        As it was parsed.
    subject : str
        Id of the subject.
    files : mapping of str to str
        SHA-256 of every file, by its path in the export.
    """

    content: Json
    subject: str
    files: Mapping[str, str]

    @classmethod
    def parse(cls, text: bytes, place: object) -> Record:
        """The record in a file's content.

        Parameters
        ----------
        text : bytes
        place : object
            What messages call the export.

        Raises
        ------
        NoExport
            If it is of something else that wbtools made.
        InputError
            If it is damaged, not wbtools', or of a newer version.

        Examples
        --------
        >>> text = b'{"wbtools": "0.1.0", "subject": {"id": "100307"}, "networks": {"unet": {}}, "outputs_sha256": {}}'
        >>> Record.parse(text, "E").subject
        '100307'
        """
        try:
            content = json.loads(text)
            _require_ordinary(content)
        except (ValueError, RecursionError) as error:
            raise _damaged(place, f"cannot be parsed ({line(error, 80)})") from None
        subject = subject_of(content) if isinstance(content, dict) else None
        if subject is None:
            raise InputError(
                f"the {PROVENANCE} of {place} was not written by wbtools for a subject",
                hint="give a folder that wbtools export-subject wrote",
            )
        require_known_version(str(content["wbtools"]), place)
        if not {"subject", "networks"} & content.keys():  # exports of all versions have both
            raise NoExport(
                f"{place} is no export of a person: {line(subject, 80)}", hint="give the folder of an export"
            )
        files = content["outputs_sha256"]
        if not all(isinstance(digest, str) and _inside(name) for name, digest in files.items()):
            raise _damaged(place, "lists files outside the export")
        if not isinstance(content.get("networks"), dict) or not content["networks"]:
            raise _damaged(place, "names no network")
        return cls(content, subject, files)

    @property
    def version(self) -> str:
        """The version of wbtools that wrote it."""
        return str(self.content["wbtools"])

    @property
    def networks(self) -> dict[str, Json]:
        """What it says of each network, by name, in order."""
        return {name: section(self.content, "networks", name) for name in section(self.content, "networks")}

    @property
    def notices(self) -> tuple[str, ...]:
        """What every reader must know."""
        found = self.content.get("notices")
        return tuple(str(notice) for notice in found) if isinstance(found, list) else ()

    @property
    def meshes(self) -> tuple[str, ...]:
        """The meshes of the export, the best known first."""
        found = section(self.content, "subject").get("meshes")
        return tuple(str(mesh) for mesh in found) if isinstance(found, list) else ()

    @property
    def atlas(self) -> str:
        """Name of the cortical atlas, as file names have it."""
        return str(section(self.content, "atlas").get("name", "HCP-MMP1")).removesuffix("+subcortex")

    def size(self, name: str) -> int | None:
        """The recorded size of a file, bytes; None where none is recorded."""
        found = section(self.content, "outputs_bytes").get(name)
        return found if isinstance(found, int) else None


def section(content: Json, *keys: str) -> Json:
    """A part of a record; empty where it is missing or something else, as in records of other versions.

    Examples
    --------
    >>> section({"networks": {"unet": {"family": "unet"}}}, "networks", "unet"), section({}, "trust")
    ({'family': 'unet'}, {})
    """
    found: Any = content
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def of_several(notice: str) -> str:
    """A notice of one person's export, as it is said of several people.

    Examples
    --------
    >>> of_several("Average areas on this person's own grey matter, in this head's pose")
    "Average areas on each person's own grey matter, in each head's pose"
    """
    return _OF_ONE.sub(lambda found: f"{'Each' if found[1] == 'This' else 'each'} {found[2]}", notice)


def number(content: Json, *keys: str) -> float | None:
    """A number of a record; None where there is none.

    Examples
    --------
    >>> number({"trust": {"pearson": 0.5}}, "trust", "pearson"), number({}, "trust", "pearson")
    (0.5, None)
    """
    found = section(content, *keys[:-1]).get(keys[-1])
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def require_known_version(version: str, place: object) -> None:
    """Refuse what a newer wbtools wrote.

    Raises
    ------
    InputError
    """
    if _parts(version) > _parts(__version__):
        raise InputError(
            f"{place} was written by wbtools {line(version, 20)}, which is newer than this wbtools, {__version__}",
            hint="update wbtools: pip install --upgrade wbtools",
        )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in re.findall(r"\d+", version)[:3])


def _require_ordinary(value: object, depth: int = _DEEPEST) -> None:
    """Raise ValueError for what no record holds: numbers that are not finite, halves of letters, deep nesting."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if not depth:
            raise ValueError("it is nested too deeply")
        for each in (*value, *value.values()) if isinstance(value, dict) else value:
            _require_ordinary(each, depth - 1)
    elif isinstance(value, int | float) and not abs(value) <= _MOST:
        raise ValueError("it holds a number that is none")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _damaged(place: object, why: str) -> InputError:
    return InputError(f"the {PROVENANCE} of {place} {why}", hint="export the subject again")
