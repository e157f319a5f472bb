"""The files of a finished export by what they are, whichever naming convention it has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wbtools.errors import InputError, MissingFile
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names import NAMINGS, Convention, OutputFolder
from wbtools.output.names.convention import IDENTITY_FOLDER
from wbtools.reading.container import CLOSED, Container, Folder
from wbtools.reading.packing import PACKED, Packing
from wbtools.reading.places import contained
from wbtools.reading.record import Record
from wbtools.text import counted, shell

_SCENES = ("overview", "relevance-volume", "relevance-pial", "relevance-inflated", "region-heatmap", "heatmap-pial")
_MORE_SCENES = ("region-heatmap-calibrated", "also-relevance", "also-region-heatmap", "pairs")
ON_SURFACES = frozenset(
    {
        "relevance-pial",
        "relevance-inflated",
        "heatmap-pial",
        "region-heatmap-calibrated",
        "also-region-heatmap",
        "pairs",
    }
)
"""Scenes that show no slice of the T1w."""
INPUT = "input"
"""What the picture of a network's input is called among those of scenes."""


@dataclass(frozen=True, eq=False)
class Contents:
    """The files of an export.

    Parameters
    ----------
    container : Container
        Where they lie.
    record : Record
    """

    container: Container
    record: Record

    @classmethod
    def of(cls, place: Path) -> Contents:
        """Of the export that lies in a folder or a zip file.

        Raises
        ------
        InputError
            If there is none, it is damaged, or a newer wbtools wrote it.
        """
        container = contained(place)
        return cls(container, Record.parse(container.record(), container.place))

    @cached_property
    def convention(self) -> Convention:
        """How its files are named: the convention that names the table of the first network."""
        network = next(iter(self.record.networks))
        for convention in NAMINGS.values():
            if self._name(Output(OutputKind.REGIONS, network), convention) in self.record.files:
                return convention
        raise InputError(
            f"the record of {self.container.place} lists no region table of {network}", hint="export the subject again"
        )

    @cached_property
    def packing(self) -> Packing:
        """What `wbtools pack` left out and changed, if this is one of its packs."""
        return Packing.of(self.record)

    def name(self, what: Output) -> str:
        """The path of a file in the export, whether it is there or not."""
        return self._name(what, self.convention)

    def has(self, what: Output) -> bool:
        """Whether the record lists a file."""
        return self.name(what) in self.record.files

    def path(self, what: Output) -> Path:
        """Where a file can be read.

        Raises
        ------
        InputError
            If the export does not have it, or a pack of it left it out.
        """
        name, place = self.name(what), self.container.place
        if not self.has(what):
            made_without = MissingFile(place / name, hint="this export was made without it")
            raise self.packing.refusal(name, place) or made_without
        return self.path_of(name)

    def path_of(self, name: str) -> Path:
        """Where a recorded file can be read, by its path in the export."""
        return self.container.path(name)

    def t1w(self) -> Path:
        """Where the T1w lies."""
        return self.path(self.t1w_kind)

    @property
    def has_t1w(self) -> bool:
        """Whether the record lists the T1w."""
        return self.has(self.t1w_kind)

    @property
    def left_out_t1w(self) -> bool:
        """Whether this is a pack without the T1w of its export."""
        return self.name(self.t1w_kind) in self.packing.left_out

    @property
    def t1w_kind(self) -> Output:
        """The T1w: the name tells a whole head from a brain alone, also where a pack left it out."""
        brain, head = (Output(OutputKind.T1W, whole_head=whole) for whole in (False, True))
        for files in (self.record.files, self.packing.left_out):
            for each in (brain, head):
                if self.name(each) in files:
                    return each
        return brain

    def figures(self, network: str) -> dict[str, str]:
        """The paths of a network's pictures, by the names of scenes."""
        named = {
            scene: self.name(Output(OutputKind.FIGURE, network, scene=scene)) for scene in (*_SCENES, *_MORE_SCENES)
        }
        named[INPUT] = self.name(Output(OutputKind.INPUT, network))
        return {scene: name for scene, name in named.items() if name in self.record.files}

    def require_as_recorded(self) -> int:
        """Compare every file with its recorded SHA-256; the folder that names the patient may have been removed.

        Returns
        -------
        int
            How many files were compared.

        Raises
        ------
        InputError
            If some differ: the first one that is missing, that is not as recorded and so on, and how many.
        """
        compared = self._to_be_there()
        wrong: dict[str, list[str]] = {}
        for name, digest in compared.items():
            if how := self.container.differs(name, digest):
                wrong.setdefault(how, []).append(name)
        if wrong:
            self.container.require_same()  # of one that was replaced meanwhile, files differ as they should
            said = ", ".join(
                f"{names[0]} {how}" + (f" ({counted(len(names), 'file')} in all)" if len(names) > 1 else "")
                for how, names in wrong.items()
            )
            raise InputError(f"{self.container.place}: {said}", hint=self._hint(wrong))
        return len(compared)

    def _hint(self, wrong: Mapping[str, Sequence[str]]) -> str:
        """How files that differ, by how they do, come to be as recorded again."""
        page, place = self.name(Output(OutputKind.REPORT)), self.container.place
        if not isinstance(self.container, Folder):
            return "copy the zip file again, or pack the export again"
        if CLOSED in wrong:
            return f"check {'its' if len(wrong[CLOSED]) == 1 else 'their'} permissions"
        if all(name == page for names in wrong.values() for name in names):
            move = "move it away, then " if os.path.lexists(place / page) else ""
            return f"{move}make the page again: {shell('wbtools', 'report', place)}"
        if PACKED in self.record.content:
            return "unpack the pack again"
        return "copy the export again, or export the subject again"

    def _to_be_there(self) -> dict[str, str]:
        """The files on record; without those that name the patient, where all of these were removed."""
        naming = {name for name in self.record.files if name.startswith(f"{IDENTITY_FOLDER}/")}
        removed = naming if not any(map(self.container.has, naming)) else set()
        return {name: digest for name, digest in self.record.files.items() if name not in removed}

    def _name(self, what: Output, convention: Convention) -> str:
        root = Path()
        return OutputFolder(root, self.record.subject, convention).path(what).as_posix()
