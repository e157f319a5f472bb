"""The files of a subject, independent of the layout of its folder."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError, UnreadableFile, require_choice
from wbtools.placement.placement import Placement
from wbtools.space.foreground import MaskOf
from wbtools.subject.presence import Missing, hindrance, is_named
from wbtools.surfaces.standard import SphereSpace
from wbtools.text import counted, line

SurfaceKind = Literal["white", "midthickness", "pial", "inflated", "very_inflated"]
MeshName = Literal["32k_fs_LR", "native", "59k_fs_LR", "164k_fs_LR"]
Registration = Literal["MSMAll", "MSMSulc"]

MeshChoice = Literal["32k", "native", "both", "59k", "164k", "all"]

MESHES: Mapping[MeshChoice, tuple[MeshName, ...]] = {
    "32k": ("32k_fs_LR",),
    "native": ("native",),
    "both": ("32k_fs_LR", "native"),
    "59k": ("59k_fs_LR",),
    "164k": ("164k_fs_LR",),
    "all": ("32k_fs_LR", "native", "59k_fs_LR", "164k_fs_LR"),
}
"""The meshes of each choice of `--mesh`."""

RIBBON: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")
"""The surfaces that a mesh cannot do without; any one of them follows from the other two."""


NOTICE = "wbtools-notice.txt"
"""File in the subject's folder whose text is repeated in every output."""
_LONGEST_NOTICE = 8192


@dataclass(frozen=True)
class Subject:
    """Paths of a subject's images and surfaces. Every path exists when the subject is found.

    The pipeline that made a file is not recorded; readers distinguish formats by the files' names.

    Parameters
    ----------
    id : str
        Plain name for output files: that of the subject's folder; for a BIDS session `sub-X_ses-Y`.
    layout : str
        The layout of the folder, for example `hcp`.
    folder : Path
    t1w : Path
        T1-weighted image in native space, skull-stripped if available.
    surfaces : mapping of (Hemisphere, SurfaceKind, MeshName) to Path
        In the space of the T1w. A mesh has at least two of white, midthickness and pial of both sides, or
        midthickness and thickness, or is absent.
    spheres : mapping of (Hemisphere, MeshName) to Path
        Native: the sphere registered to `sphere_space`. Others: the standard sphere in fs_LR; 32k may be absent, since
        it is the same for all subjects.
    rois : mapping of (Hemisphere, MeshName) to Path
        Cortex without the medial wall. A mesh without an entry takes the standard medial wall, over its sphere.
    sulci : mapping of (Hemisphere, MeshName) to Path
        Depth of the folds, for shading; may lack entries.
    thickness : mapping of (Hemisphere, MeshName) to Path
        Of the cortex, mm, where a mesh has only midthickness: white and pial are made of it.
    segmentation : Path or None
        FreeSurfer labels (wmparc, aparc+aseg or aseg); None omits the subcortex.
    brain_mask : Path or None
        Non-zero inside the brain.
    registration : str
        Description of the registration of the standard meshes and the native spheres.
    sphere_space : {"fs_LR", "fsaverage"}
        The template that the native spheres are registered to.
    in_scanner_space : bool
        GIFTI surfaces are in scanner coordinates, whatever their metadata say; else those that are centred on
        FreeSurfer's volume are moved.
    resampled : tuple of str
        Standard meshes without surfaces, which are resampled from the native ones over the spheres.
    derived : tuple of str
        A sentence for each part that is computed instead of read; for the user and for the record.
    remarks : tuple of str
        A sentence for each decision on an unusual file; repeated in every output.
    missing : tuple of Missing
        Missing files that are not required.
    notice : str
        A notice on this subject that every output repeats; empty for a person.
    from_template : bool
        Whether surfaces, segmentation and brain mask are a template's, laid over the image, and not this person's.
    mask_of : MaskOf
        Whose the brain mask is.
    own_grey_matter : bool
        Whether the segmentation holds the cortex (3, 42) and white matter (2, 41) that this person's image shows, while
        surfaces are a template's.
    placement : Placement or None
        Where a template lies in this person's head, if that is known.
    scanner_files : tuple of Path
        The DICOM files that the T1w was read from, in the order of slices; empty where it was no DICOM.
    found_as : str
        The id by folder or file, where the user gave another one; no output has it.
    """

    id: str
    layout: str
    folder: Path
    t1w: Path
    surfaces: Mapping[tuple[Hemisphere, SurfaceKind, MeshName], Path]
    spheres: Mapping[tuple[Hemisphere, MeshName], Path]
    rois: Mapping[tuple[Hemisphere, MeshName], Path]
    sulci: Mapping[tuple[Hemisphere, MeshName], Path] = field(default_factory=dict)
    thickness: Mapping[tuple[Hemisphere, MeshName], Path] = field(default_factory=dict)
    segmentation: Path | None = None
    brain_mask: Path | None = None
    registration: str = "MSMAll"
    sphere_space: SphereSpace = "fs_LR"
    in_scanner_space: bool = False
    resampled: tuple[MeshName, ...] = ()
    derived: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    notice: str = ""
    from_template: bool = False
    mask_of: MaskOf = "subject"
    own_grey_matter: bool = False
    placement: Placement | None = None
    scanner_files: tuple[Path, ...] = ()
    found_as: str = ""

    @property
    def meshes(self) -> tuple[MeshName, ...]:
        """The meshes that are available or can be made, the standard one first."""
        there = {name for _, _, name in self.surfaces} | set(self.resampled)
        return tuple(name for name in MESHES["all"] if name in there)

    @property
    def source(self) -> str:
        """Where the T1w comes from, in words: a file, or a series whose files are not named."""
        count = len(self.scanner_files)
        return f"DICOM series ({counted(count, 'file')})" if count else str(self.t1w)

    def files_of(self, hemisphere: Hemisphere, mesh: MeshName) -> tuple[Path, ...]:
        """All files with an entry per vertex of this mesh."""
        surfaces = [path for (side, _, name), path in self.surfaces.items() if (side, name) == (hemisphere, mesh)]
        others = [table.get((hemisphere, mesh)) for table in (self.spheres, self.rois, self.sulci, self.thickness)]
        return (*surfaces, *(path for path in others if path is not None))

    def used(self, meshes: Iterable[MeshName]) -> tuple[Path, ...]:
        """All files that an export of these meshes reads, each once."""
        wanted = list(meshes)
        if set(wanted) & set(self.resampled):
            wanted.append("native")
        scans = self.scanner_files or (self.t1w,)
        volumes = [path for path in (*scans, self.segmentation, self.brain_mask) if path]
        surfaces = [path for mesh in wanted for side in Hemisphere for path in self.files_of(side, mesh)]
        return tuple(dict.fromkeys([*volumes, *surfaces, *self.spheres.values()]))

    def own_folders(self, study_folder: Path) -> tuple[Path, ...]:
        """The folders that belong to this subject alone.

        A study folder with images of several subjects does not belong to any of them.
        """
        if self.scanner_files:
            return (self.folder, *(path.parent for path in self.scanner_files))
        shared = self.t1w.parent == self.folder  # an image in a folder that may hold those of other subjects
        if shared and study_folder.resolve() not in self.folder.resolve().parents:
            return ()
        files = (path for path in self.used(self.meshes) if path.is_relative_to(self.folder))
        below = (folder for path in files for folder in path.parents if folder.is_relative_to(self.folder))
        return tuple(dict.fromkeys([self.folder, *below]))


def check_meshes(subject: Subject, vertices: Mapping[Path, int]) -> None:
    """Require that the files of each mesh have the same number of vertices.

    Parameters
    ----------
    subject : Subject
    vertices : mapping of Path to int
        Number of vertices of each file that has been read; the subject's other files are ignored.

    Raises
    ------
    SubjectError
        Names the files of a mesh that differ.
    """
    for mesh in subject.meshes:
        for hemisphere in Hemisphere:
            counts = {path: vertices[path] for path in subject.files_of(hemisphere, mesh) if path in vertices}
            if len(set(counts.values())) > 1:
                listed = "".join(f"\n  {count:>7} vertices  {path}" for path, count in counts.items())
                which = f"{hemisphere.letter} {mesh} mesh"
                raise SubjectError(
                    f"subject {subject.id}: files of the {which} do not belong together{listed}",
                    hint="take all files from one run of the pipeline that made them",
                )


def is_plain_name(word: str) -> bool:
    """Whether a word is a valid name of a subject and its folder, in exports and in batches.

    It becomes part of paths, of command lines and of lists with a name per line: it must not lead out of a folder, look
    like an option, or have (invisible) blanks at its ends.

    Examples
    --------
    >>> [is_plain_name(word) for word in ("sub-01", "P 1,a", "#2", "../sub-01", "-rf", " x")]
    [True, True, True, False, False, False]
    """
    leads_out = ".." in word or set("/\\") & set(word)
    return bool(word) and word[0] not in ".-" and not leads_out and word.isprintable() and word == word.strip()


def require_plain_name(subject_id: str, option: str = "") -> None:
    """Raise InputError unless the id, or the value of an option, is the plain name of a folder.

    Examples
    --------
    >>> require_plain_name("sub-01")
    >>> require_plain_name("../100307")
    Traceback (most recent call last):
    wbtools.errors.InputError: '../100307' is not a subject id
    """
    if is_plain_name(subject_id):
        return
    if option:
        raise InputError(
            f"{option} {subject_id!r} is not a plain name", hint="give letters, digits, - and _, as in sub-01"
        )
    raise InputError(
        f"{subject_id!r} is not a subject id", hint="give the plain name of the subject's folder, for example 100307"
    )


def meshes_named(mesh: MeshChoice | None) -> tuple[MeshName, ...]:
    """The meshes of a choice of `--mesh`; None means 32k and native.

    Raises
    ------
    InputError
        If there is no such word.

    Examples
    --------
    >>> meshes_named("both")
    ('32k_fs_LR', 'native')
    """
    require_choice("mesh", mesh, MESHES)  # Python code may pass any word
    return MESHES[mesh or "both"]


def notice_in(folder: Path) -> str:
    """The notice on a subject that every output repeats, as a single line; empty for a person.

    Raises
    ------
    InputError
        If the file is unreadable.
    """
    path = folder / NOTICE
    if not is_named(path) or os.path.isdir(path):  # noqa: PTH112  (an error is no folder)
        return ""
    if (reason := hindrance(path)) is not None and not (os.path.isfile(path) and not path.stat().st_size):  # noqa: PTH113
        raise reason
    try:
        with path.open("rb") as stream:
            return line(_decoded(stream.read(_LONGEST_NOTICE)))
    except OSError as error:
        raise UnreadableFile(path, error) from None


def _decoded(data: bytes) -> str:
    """Decode text: UTF-16 if it has a byte order mark, UTF-8, else Latin-1; the last letter may be truncated."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return data.decode("latin-1")
