"""What is fuzzed: a reader, and whole files that it reads."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random

MODULES = ("fuzz.images", "fuzz.surfaces", "fuzz.records", "fuzz.networks")
"""Modules with a function `targets()`; a new room of readers adds its own here."""


@dataclass(frozen=True)
class Seed:
    """A whole file.

    Parameters
    ----------
    name : str
        File name, with the ending that the reader expects.
    content : bytes
        Not packed.
    fields : mapping of str to (int, str)
        Places of header fields and their `struct` formats, which are set to odd values.
    packed : bool
        Whether the file is packed with gzip; mutations happen inside and outside.
    text : bool
        Whether the content is text: its attributes, numbers and tags are changed, too.
    mutate : callable, optional
        Damages content of this form from inside, so that lengths and checksums stay right; used for most files.
    """

    name: str
    content: bytes
    fields: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    packed: bool = False
    text: bool = False
    mutate: Callable[[bytes, Random], bytes] | None = None

    def stored(self, content: bytes | None = None) -> bytes:
        """The bytes of the file with this content, or with the seed's."""
        plain = self.content if content is None else content
        return gzip.compress(plain, 1, mtime=0) if self.packed else plain


@dataclass(frozen=True)
class Target:
    """A reader.

    Parameters
    ----------
    name : str
    read : callable
        Reads a file by its path.
    seeds : callable
        Makes whole files, every one of which is read.
    """

    name: str
    read: Callable[[Path], object]
    seeds: Callable[[], Sequence[Seed]]


def targets(names: Sequence[str] = ()) -> list[Target]:
    """All targets, or those whose names begin with one of `names`."""
    found = [target for module in MODULES for target in import_module(module).targets()]
    return [target for target in found if not names or target.name.startswith(tuple(names))]
