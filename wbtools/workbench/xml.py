"""The elements of Workbench's XML files, and writing them: names are always those of the program."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from wbtools import atomic
from wbtools.errors import InputError

Element = ET.Element

# What XML 1.0 cannot carry at all, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """The text itself; InputError if it holds a control character, which XML has no way to write.

    Examples
    --------
    >>> plain('"Müller" & <Söhne>')
    '"Müller" & <Söhne>'
    """
    if _FORBIDDEN.search(text):
        raise InputError(f"{text!r} holds a control character", hint="use plain text in names and titles")
    return text


def number(value: float) -> str:
    """A number with seven digits, enough for float32 and the same on every machine.

    Examples
    --------
    >>> number(2.0), number(1.25e-7)
    ('2', '1.25e-07')
    """
    return f"{value:.7g}"


def relative(path: Path, folder: Path) -> str:
    """The path as seen from `folder`, with forward slashes, so that the folder can move.

    Raises
    ------
    InputError
        If the path lies outside the folder: the link would break, and would tell where the folder lay.

    Examples
    --------
    >>> relative(Path("out/100307/T1w/T1w.nii.gz"), Path("out/100307"))
    'T1w/T1w.nii.gz'
    """
    name = os.path.relpath(path, folder).replace(os.sep, "/")
    if name.startswith("../"):
        raise InputError(
            f"{path} lies outside {folder}, so a session there could not be moved",
            hint="copy the file into the output folder first",
        )
    return plain(name)


def _leaf(kind: str, name: str, value: str) -> Element:
    element = Element("Object", Type=kind, Name=name)
    element.text = value
    return element


def enumerated(name: str, value: str) -> Element:
    """A value out of one of Workbench's closed lists."""
    return _leaf("enumeratedType", name, value)


def string(name: str, value: str) -> Element:
    """A text."""
    return _leaf("string", name, plain(value))


def integer(name: str, value: int) -> Element:
    """A whole number."""
    return _leaf("integer", name, str(value))


def real(name: str, value: float) -> Element:
    """A number."""
    return _leaf("float", name, number(value))


def boolean(name: str, value: bool) -> Element:
    """True or false."""
    return _leaf("boolean", name, str(value).lower())


def path_name(name: str, path: Path, folder: Path) -> Element:
    """A file, relative to the folder of the scene."""
    return _leaf("pathName", name, relative(path, folder))


def instance(name: str, of: str, version: int, *members: Element | None) -> Element:
    """An object of class `of`; its reader branches on `version`. Members that are None are left out."""
    element = Element("Object", {"Type": "class", "Class": of, "Name": name, "Version": str(version)})
    element.extend([member for member in members if member is not None])
    return element


def array(name: str, kind: str, items: Sequence[Element | str]) -> Element:
    """A list of objects (kind `class`) or of plain values."""
    element = Element("ObjectArray", Type=kind, Name=name, Length=str(len(items)))
    for index, item in enumerate(items):
        _fill(ET.SubElement(element, "Element", Index=str(index)), item)
    return element


def mapping(name: str, kind: str, items: Mapping[int, Element | str]) -> Element:
    """Objects or plain values under whole-number keys (the number of a tab or window)."""
    element = Element("ObjectMap", Type=kind, Name=name)
    for key, item in items.items():
        _fill(ET.SubElement(element, "Value", Key=str(key)), item)
    return element


def _fill(element: Element, item: Element | str) -> None:
    if isinstance(item, str):
        element.text = item
    else:
        element.append(item)


def child(parent: Element, tag: str, text: str = "", **attributes: str) -> Element:
    """Append an element with a text and attributes."""
    element = ET.SubElement(parent, tag, attributes)
    element.text = plain(text) or None
    return element


def as_text(root: Element) -> str:
    """The element as one line, for XML that is carried as text inside other XML."""
    return ET.tostring(root, encoding="unicode")


def save(root: Element, path: Path) -> None:
    """Write a whole file or none."""
    ET.indent(root, " ")
    atomic.write(path, ET.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n")
