"""Which files scenes and specs name, and the same files without those that name one which is left out."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator
from xml.etree import ElementTree as ET

from wbtools.errors import InputError
from wbtools.text import line

SCENE, SPEC = ".scene", ".spec"


def parsed(name: str, content: bytes) -> ET.Element:
    """The XML of a scene or spec file.

    Raises
    ------
    InputError
        If it is damaged, or declares entities, which Workbench never writes.
    """
    try:
        if b"<!" in content.replace(b"<!--", b""):
            raise ValueError("it declares a document type")
        return ET.fromstring(content)
    except (ET.ParseError, ValueError) as error:
        raise InputError(f"{line(name)} cannot be parsed: {line(error)}", hint="export the subject again") from None


def references(name: str, content: bytes) -> list[str]:
    """The files that a scene or spec file names, as it names them.

    Parameters
    ----------
    name : str
        Of the file, which tells a scene from a spec.
    content : bytes

    Examples
    --------
    >>> references("a.spec", b"<CaretSpecFile><DataFile>T1w/x.surf.gii</DataFile></CaretSpecFile>")
    ['T1w/x.surf.gii']
    """
    root = parsed(name, content)
    return list(dict.fromkeys(_named(root) if name.endswith(SCENE) else _listed(root)))


def in_export(name: str, reference: str) -> str:
    """The path in the export of a file that a scene or spec file names relative to itself.

    Examples
    --------
    >>> in_export("anat/a.scene", "../T1w.nii.gz")
    'T1w.nii.gz'
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), reference))


def scenes(name: str, content: bytes) -> list[str]:
    """Names of the scenes of a scene file, in its order."""
    return [scene.findtext("Name") or "" for scene in parsed(name, content).iter("Scene")]


def without(name: str, content: bytes, left_out: Collection[str]) -> bytes:
    """A scene or spec file without scenes, thumbnails and entries that name files which are left out.

    Parameters
    ----------
    name : str
        Its path in the export.
    content : bytes
    left_out : collection of str
        Paths in the export.
    """
    root = parsed(name, content)
    if name.endswith(SCENE):
        _drop_scenes(root, lambda scene: any(in_export(name, each) in left_out for each in _named(scene)))
    else:
        for entry in root.findall("DataFile"):
            if in_export(name, (entry.text or "").strip()) in left_out:
                root.remove(entry)
    ET.indent(root, " ")
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"


def _named(root: ET.Element) -> Iterator[str]:
    for element in root.iter("Object"):
        if element.get("Type") == "pathName" and (element.text or "").strip():
            yield (element.text or "").strip()


def _listed(root: ET.Element) -> Iterator[str]:
    yield from ((entry.text or "").strip() for entry in root.iter("DataFile"))


def _drop_scenes(root: ET.Element, dropped: Callable[[ET.Element], bool]) -> None:
    """Remove scenes with what the directory says of them, and count the others anew."""
    kept = [scene.get("Index") for scene in root.findall("Scene") if not dropped(scene)]
    directory = root.find("SceneInfoDirectory")
    for parent, tag in ((root, "Scene"), (directory, "SceneInfo")):
        for entry in parent.findall(tag) if parent is not None else ():
            if entry.get("Index") in kept:
                entry.set("Index", str(kept.index(entry.get("Index"))))
            elif parent is not None:
                parent.remove(entry)
