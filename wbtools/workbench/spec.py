"""Spec files: the list of files that wb_view opens together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from wbtools.errors import InputError
from wbtools.workbench import xml
from wbtools.workbench.datafile import CIFTI, DataFile, read


def write(path: Path, files: Sequence[Path]) -> None:
    """Write a spec whose files are named relative to its folder, all of them selected.

    Parameters
    ----------
    path : Path
        Ends in `.spec`.
    files : sequence of Path
        Surfaces, metrics, labels, volumes, CIFTI files and scenes, in the order wb_view lists them; all inside the
        folder of the spec.

    Raises
    ------
    InputError
        If a file is missing, damaged or outside the folder, or two files belong to different meshes of a hemisphere.
    """
    members = [read(file) for file in dict.fromkeys(files)]
    require_one_mesh(members)
    root = ET.Element("CaretSpecFile", Version="1.0")
    ET.SubElement(root, "MetaData")
    for member in members:
        xml.child(
            root,
            "DataFile",
            xml.relative(member.path, path.parent),
            Structure=_structure(member),
            DataFileType=member.type.value,
            Selected="true",
        )
    xml.save(root, path)


def _structure(member: DataFile) -> str:
    if member.structure:
        return member.structure.gifti
    return "All" if member.type in CIFTI else "Invalid"


def require_one_mesh(files: Sequence[DataFile]) -> None:
    """Raise InputError if two files need different meshes of one hemisphere: Workbench would drop the second."""
    first: dict[object, DataFile] = {}
    for file in files:
        for structure, count in file.vertices.items():
            other = first.setdefault(structure, file)
            if other.vertices[structure] != count:
                raise InputError(
                    f"{file.path.name} has {count} vertices in {structure.value}, "
                    f"but {other.path.name} has {other.vertices[structure]}",
                    hint="put each mesh into its own spec and its own scenes",
                )
