"""What a naming convention is: a table of name patterns, and what else it puts into a folder of outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.output.kinds import Output, OutputKind
from wbtools.output.ownership import PROVENANCE
from wbtools.output.written import WrittenFiles

IDENTITY_FOLDER = "dicom"
"""The folder of an export whose files name the patient; whoever shares an export removes it."""


def no_sidecars(files: WrittenFiles, out: OutputFolder, notice: str) -> WrittenFiles:
    """What a convention without sidecars writes beside data files."""
    return WrittenFiles()


def no_description(root: Path, subject: Path) -> None:
    """What a convention writes into the folder of all exports that needs no description there."""


@dataclass(frozen=True)
class Convention:
    """How the files of an export are named.

    Parameters
    ----------
    patterns : mapping of OutputKind to str
        For every kind but sidecars, which lie beside their files, the path in the subject's folder; `{...}` stand for
        words.
    words : callable
        Takes a subject's id and an output, gives the words of the patterns.
    subject_folder : callable
        Takes a subject's id, gives its folder of outputs, from the folder of all exports.
    write_sidecars : callable
        Takes the data files of a folder, the folder, and what every reader must know; gives the files that it wrote.
    describe_exports : callable
        Takes the folder of all exports, and the folder of inputs of a subject; writes what the convention wants.
    """

    patterns: Mapping[OutputKind, str]
    words: Callable[[str, Output], Mapping[str, str]]
    subject_folder: Callable[[str], str]
    write_sidecars: Callable[[WrittenFiles, OutputFolder, str], WrittenFiles] = no_sidecars
    describe_exports: Callable[[Path, Path], None] = no_description


@dataclass(frozen=True)
class OutputFolder:
    """The names of all files of one subject's export.

    Parameters
    ----------
    folder : Path
        Where they lie now (while they are made, not yet their final place).
    subject : str
    convention : Convention
    """

    folder: Path
    subject: str
    convention: Convention

    def path(self, output: Output) -> Path:
        """Where an output lies."""
        pattern = self.convention.patterns[output.kind]
        return self.folder / pattern.format_map(self.convention.words(self.subject, output))

    @property
    def provenance(self) -> Path:
        """Versions, settings, hashes and timings; its presence means that the folder is whole."""
        return self.folder / PROVENANCE
