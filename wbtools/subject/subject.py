"""The files of one person, whatever layout they came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.surfaces.standard import SphereSpace

SurfaceKind = Literal["white", "midthickness", "pial", "inflated", "very_inflated"]
MeshName = Literal["32k_fs_LR", "native", "59k_fs_LR", "164k_fs_LR"]
Registration = Literal["MSMAll", "MSMSulc"]

MESHES: dict[str, tuple[MeshName, ...]] = {
    "32k": ("32k_fs_LR",),
    "native": ("native",),
    "both": ("32k_fs_LR", "native"),
    "59k": ("59k_fs_LR",),
    "164k": ("164k_fs_LR",),
    "all": ("32k_fs_LR", "native", "59k_fs_LR", "164k_fs_LR"),
}
"""The meshes that each word of `--mesh` means."""

RIBBON: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")
"""The surfaces that a mesh cannot do without; any one of them follows from the other two."""


IMAGES = (".nii.gz", ".nii", ".mgz", ".mgh")
"""How the names of images end."""

NOTICE = "wbtools-notice.txt"
"""File in the subject's folder whose text every output repeats."""


class Missing(NamedTuple):
    """A file that is not there, relative to the subject's folder, and what cannot be done without it."""

    path: str
    forbids: str


@dataclass(frozen=True)
class Subject:
    """Where one person's images and surfaces are. Every path exists when the subject is found.

    Nothing here says which pipeline made a file; readers tell formats apart by the files' names.

    Parameters
    ----------
    id : str
        Plain name for output files: that of the subject's folder; of a BIDS session `sub-X_ses-Y`.
    layout : str
        Under which layout it was found, for example `hcp`.
    folder : Path
    t1w : Path
        T1-weighted image, native space, skull-stripped where that is there.
    surfaces : mapping of (Hemisphere, SurfaceKind, MeshName) to Path
        In the space of the T1w. A mesh is here with at least two of white, midthickness and pial of both sides, or not
        at all.
    spheres : mapping of (Hemisphere, MeshName) to Path
        Native: the sphere registered to `sphere_space`. Others: the standard sphere in fs_LR; 32k may be absent, since
        it is everybody's.
    rois : mapping of (Hemisphere, MeshName) to Path
        Cortex without the medial wall. A mesh without one takes the standard medial wall, over its sphere.
    sulci : mapping of (Hemisphere, MeshName) to Path
        Depth of the folds, for shading; may lack entries.
    segmentation : Path or None
        FreeSurfer labels (wmparc, aparc+aseg or aseg); None leaves out the subcortex.
    brain_mask : Path or None
        Not 0 inside the brain.
    registration : str
        What the standard meshes and the native spheres really come from.
    sphere_space : {"fs_LR", "fsaverage"}
        The template that the native spheres are registered to.
    resampled : tuple of str
        Standard meshes that have no surfaces of their own and are made from the native ones over the spheres.
    derived : tuple of str
        What is not read but made, a sentence each; for the user and for the record.
    missing : tuple of Missing
        What is not there, though the rest can do without it.
    notice : str
        What every output must say about this subject; empty for a person.
    """

    id: str
    layout: str
    folder: Path
    t1w: Path
    surfaces: Mapping[tuple[Hemisphere, SurfaceKind, MeshName], Path]
    spheres: Mapping[tuple[Hemisphere, MeshName], Path]
    rois: Mapping[tuple[Hemisphere, MeshName], Path]
    sulci: Mapping[tuple[Hemisphere, MeshName], Path] = field(default_factory=dict)
    segmentation: Path | None = None
    brain_mask: Path | None = None
    registration: str = "MSMAll"
    sphere_space: SphereSpace = "fs_LR"
    resampled: tuple[MeshName, ...] = ()
    derived: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    notice: str = ""

    @property
    def meshes(self) -> tuple[MeshName, ...]:
        """The meshes that are there or can be made, the standard one first."""
        there = {name for _, _, name in self.surfaces} | set(self.resampled)
        return tuple(name for name in MESHES["all"] if name in there)

    def files_of(self, hemisphere: Hemisphere, mesh: MeshName) -> tuple[Path, ...]:
        """Every file that has one entry per vertex of this mesh."""
        surfaces = [path for (side, _, name), path in self.surfaces.items() if (side, name) == (hemisphere, mesh)]
        others = [table.get((hemisphere, mesh)) for table in (self.spheres, self.rois, self.sulci)]
        return (*surfaces, *(path for path in others if path is not None))

    def used(self, meshes: Iterable[MeshName]) -> tuple[Path, ...]:
        """Every file that an export of these meshes reads, each once."""
        wanted = list(meshes)
        if set(wanted) & set(self.resampled):
            wanted.append("native")
        volumes = [path for path in (self.t1w, self.segmentation, self.brain_mask) if path]
        surfaces = [path for mesh in wanted for side in Hemisphere for path in self.files_of(side, mesh)]
        return tuple(dict.fromkeys([*volumes, *surfaces, *self.spheres.values()]))


def check_meshes(subject: Subject, vertices: Mapping[Path, int]) -> None:
    """Require that the files of each mesh have one number of vertices.

    Parameters
    ----------
    subject : Subject
    vertices : mapping of Path to int
        Vertices of each file that was read already; the subject's other files are not looked at.

    Raises
    ------
    SubjectError
        Naming the files of a mesh that differ.
    """
    for mesh in subject.meshes:
        for hemisphere in Hemisphere:
            counts = {path: vertices[path] for path in subject.files_of(hemisphere, mesh) if path in vertices}
            if len(set(counts.values())) > 1:
                listed = "".join(f"\n  {count:>7} vertices  {path}" for path, count in counts.items())
                which = f"{hemisphere.letter} {mesh} mesh"
                raise SubjectError(
                    f"subject {subject.id}: files of the {which} do not belong together{listed}",
                    mend="take all files from one run of the pipeline that made them",
                )


def require_plain_name(subject_id: str) -> None:
    """Raise InputError unless the id is the plain name of a folder.

    It becomes part of paths and of command lines, so nothing may lead out of a folder or look like an option.

    Examples
    --------
    >>> require_plain_name("sub-01")
    >>> require_plain_name("../100307")
    Traceback (most recent call last):
    wbtools.errors.InputError: '../100307' is no subject id
    """
    leads_out = ".." in subject_id or set("/\\") & set(subject_id)
    if not subject_id or subject_id[0] in ".-" or leads_out or not subject_id.isprintable():
        raise InputError(
            f"{subject_id!r} is no subject id", mend="give the plain name of the subject's folder, for example 100307"
        )


def meshes_named(mesh: str | None) -> tuple[MeshName, ...]:
    """The meshes that a word of `--mesh` means; None means 32k and native.

    Raises
    ------
    InputError
        If there is no such word.

    Examples
    --------
    >>> meshes_named("both")
    ('32k_fs_LR', 'native')
    """
    if mesh is not None and mesh not in MESHES:
        raise InputError(f"'{mesh}' is no mesh", mend=f"choose one of: {', '.join(MESHES)}")
    return MESHES[mesh or "both"]


def incomplete(folder: Path, missing: Iterable[Missing], mend: str) -> SubjectError:
    """The refusal of a subject, with all that is missing, one file a line."""
    listed = list({one.path: one for one in missing}.values())
    lines = "".join(f"\n  {one.path}  (forbids {one.forbids})" for one in listed)
    count = f"{len(listed)} file{'s' * (len(listed) > 1)}"
    return SubjectError(f"subject {folder.name} in {folder.parent} lacks {count}:{lines}", mend=mend)


def usable(path: Path) -> bool:
    """Whether a file exists and holds anything."""
    return path.is_file() and path.stat().st_size > 0


def folders_named(study_folder: Path, subject_id: str) -> tuple[Path, ...]:
    """Where a subject's folder may be: in the study folder, with or without `sub-`, or the study folder itself.

    Examples
    --------
    >>> [path.as_posix() for path in folders_named(Path("study/sub-01"), "01")]
    ['study/sub-01/01', 'study/sub-01/sub-01', 'study/sub-01']
    """
    bare = subject_id.removeprefix("sub-")
    names = dict.fromkeys([subject_id, bare, f"sub-{bare}"])
    inside = tuple(study_folder / name for name in names)
    return (*inside, study_folder) if study_folder.name in names else inside


def notice_in(folder: Path) -> str:
    """What every output must say about this subject; empty for a person."""
    path = folder / NOTICE
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
