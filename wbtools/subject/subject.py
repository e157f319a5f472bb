"""The files of one person, whatever layout they came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError

SurfaceKind = Literal["white", "midthickness", "pial", "inflated", "very_inflated"]
MeshName = Literal["32k_fs_LR", "native"]
Registration = Literal["MSMAll", "MSMSulc"]


class Missing(NamedTuple):
    """A file that is not there, relative to the subject's folder, and what cannot be done without it."""

    path: str
    forbids: str


@dataclass(frozen=True)
class Subject:
    """Where one person's images and surfaces are. Every path exists when the subject is found.

    Parameters
    ----------
    id : str
        Name of the subject's folder.
    layout : str
        Under which layout it was found, for example `hcp`.
    folder : Path
    t1w : Path
        T1-weighted image, native (ACPC) space, skull-stripped where that is there.
    surfaces : mapping of (Hemisphere, SurfaceKind, MeshName) to Path
        In the space of the T1w. A mesh is here with white, midthickness and pial of both sides, or not at all.
    spheres : mapping of (Hemisphere, MeshName) to Path
        Native: the sphere registered to fs_LR by `registration`. 32k_fs_LR: the standard sphere.
    rois : mapping of (Hemisphere, MeshName) to Path
        1 on cortex, 0 on the medial wall.
    sulci : mapping of (Hemisphere, MeshName) to Path
        Depth of the folds, for shading; may lack entries.
    segmentation : Path or None
        FreeSurfer labels (wmparc or aparc+aseg); None leaves out the subcortex.
    registration : {"MSMAll", "MSMSulc"}
        What the 32k surfaces and the native spheres really come from.
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
    registration: Registration = "MSMAll"
    missing: tuple[Missing, ...] = ()
    notice: str = ""

    @property
    def meshes(self) -> tuple[MeshName, ...]:
        """The meshes that are complete, the standard one first."""
        names: tuple[MeshName, ...] = ("32k_fs_LR", "native")
        return tuple(name for name in names if (Hemisphere.LEFT, "white", name) in self.surfaces)

    def files_of(self, hemisphere: Hemisphere, mesh: MeshName) -> tuple[Path, ...]:
        """Every file that has one entry per vertex of this mesh."""
        surfaces = [path for (side, _, name), path in self.surfaces.items() if (side, name) == (hemisphere, mesh)]
        others = [table.get((hemisphere, mesh)) for table in (self.spheres, self.rois, self.sulci)]
        return (*surfaces, *(path for path in others if path is not None))

    def used(self, meshes: Iterable[MeshName]) -> tuple[Path, ...]:
        """Every file that an export of these meshes reads, each once."""
        volumes = [self.t1w, *([self.segmentation] if self.segmentation else [])]
        surfaces = [path for mesh in meshes for side in Hemisphere for path in self.files_of(side, mesh)]
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
                    mend="take all files from one run of the HCP pipeline",
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
