"""What an export is asked for: of whom and where (`ExportJob`), and how (`ExportSettings`).

Values are typed: whoever reads words (`cli/`, the file of a batch) turns them into these once. Nothing here reads the
environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from wbtools.atlas import ATLASES
from wbtools.atlas.deep.spelling import recorded, sources_named
from wbtools.attribution import METHODS, SECOND_METHODS, Target
from wbtools.dicom.series import SeriesChoice
from wbtools.drawing.renderer_names import RENDERERS, RendererName
from wbtools.errors import OutOfRange, require_choice, require_kind
from wbtools.errors.in_python import as_made
from wbtools.exporting.references.choice import USUAL, ReferenceChoice
from wbtools.native.engines import ENGINES, EngineName
from wbtools.output.names import NAMINGS, Naming
from wbtools.placement.options import PLACEMENTS, PlacementName, PlacementOptions
from wbtools.subject import MESHES, MeshChoice, Registration
from wbtools.subject.layouts import AUTO, require_known
from wbtools.subject.selection import NOBODY, Comparison, FileChoice

if TYPE_CHECKING:
    from wbtools.exporting.explanation import ExplanationOptions

TrustLevel = Literal["default", "full"]
TRUST_LEVELS: Mapping[TrustLevel, bool] = {"default": False, "full": True}
"""Whether the costly checks of a map are run, too."""

ReportExtent = Literal["full", "static"]
REPORTS: tuple[ReportExtent, ...] = get_args(ReportExtent)
"""How much the page of an export holds: with an interactive viewer, or without it."""

REGISTRATIONS: tuple[Registration, ...] = get_args(Registration)
"""The HCP's surface registrations."""


@dataclass(frozen=True)
class ExportJob:
    """Of whom an export is made, and where it goes.

    Parameters
    ----------
    subject : str
        Name of the subject's folder.
    study_folder : Path
        Folder that holds the subject's folder.
    out : Path
        Folder that receives a folder named after the subject.
    id : str or None
        What the subject is called in every output; None takes the name that the path or the id tells.
    compared : Comparison
        The people that the target compares with.
    overwrite : bool
        Whether an earlier export of this subject is replaced.
    cache : Path or None
        Keeps what networks are shown of references, where no `work` does: of a batch, which shares them.
    series : SeriesChoice or None
        Which of a scanner's series is taken; None refuses DICOM files, as batches do.
    """

    subject: str
    study_folder: Path
    out: Path
    id: str | None = None
    compared: Comparison = NOBODY
    overwrite: bool = False
    cache: Path | None = None
    series: SeriesChoice | None = None


_NAMED = (
    *("layout", "naming", "method", "also", "trust", "mesh", "registration", "atlas", "placement", "subcortex"),
    *("engine", "renderer", "report"),
)
_KINDS = (
    ("target", Target, 'give a wbtools.Target, such as wbtools.Target("pair")'),
    ("references", ReferenceChoice, "give a wbtools.ReferenceChoice, such as wbtools.ReferenceChoice(count=8)"),
    ("threads", int, "give a whole number"),
    ("nulls", int, "give a whole number"),
    ("allow", tuple, "give a tuple of names of self-checks"),
    ("models", tuple, "give a tuple of checkpoints"),
    ("work", Path, "give a pathlib.Path"),
    ("wb_command", Path, "give a pathlib.Path"),
    *((name, bool, "give True or False") for name in ("keep_face", "render", "dicom_out")),
    *((name, str, "give its name") for name in _NAMED),
)
"""Fields that a program may easily give in another form: name, kind, hint."""


@dataclass(frozen=True)
class ExportSettings:
    """How an export is made, whoever's it is.

    Parameters
    ----------
    models : tuple of Path
        Checkpoints; empty means the built-in demonstration network.
    layout : str
        How the subject's folder is laid out; `auto` looks.
    naming : {"hcp", "bids"} or None
        How output files are named; None follows the layout.
    method : str or None
        Attribution method; None takes the one that suits each network.
    also : str or None
        The method of a second map beside the first, or `none`; None takes one where another method ranked regions
        better in some task.
    target : Target or None
        What is explained; None explains what each network is for.
    nulls : int or None
        Randomised networks that each map is compared with; None takes what the method's cost allows.
    references : ReferenceChoice
        Which brains a person's is compared with, by methods that compare with several.
    trust : {"default", "full"}
        Whether the costly checks of a map are run, too.
    mesh : str or None
        A word of `MESHES`; None exports every mesh the subject has.
    registration : {"MSMAll", "MSMSulc"} or None
        None takes MSMAll where it exists, else MSMSulc.
    atlas : str
    subcortex : str
        Where labels below the cortex come from (`wbtools.atlas.deep.spelling`): sources joined by `+`.
    engine : {"native", "wb_command"}
        Who carries numbers between voxels and cortex.
    threads : int or None
        Processor threads to use, at least 1; None takes all that this process may use.
    allow : tuple of str
        Names of self-checks that may fail.
    keep_face : bool
        Whether the T1w is written and drawn whole; else only the brain and a rim around it.
    render : bool
        Whether pictures are drawn.
    renderer : {"auto", "workbench", "own"}
        Who draws them: Workbench, wbtools itself, or the former where it is installed and draws.
    report : {"full", "static"} or None
        What the page holds; None writes none.
    dicom_out : bool
        Whether results are written as DICOM objects, too, into the study that the scan came from.
    wb_command : Path or None
        None looks on PATH.
    work : Path or None
        Keeps ribbon weights there for the next export of the same person; None keeps nothing.

    Raises
    ------
    InputError
        If a value is out of range, or no name of what it is to name.
    """

    models: tuple[Path, ...] = ()
    layout: str = AUTO
    naming: Naming | None = None
    method: str | None = None
    also: str | None = None
    target: Target | None = None
    nulls: int | None = None
    references: ReferenceChoice = USUAL
    trust: TrustLevel = "default"
    mesh: MeshChoice | None = None
    registration: Registration | None = None
    atlas: str = next(iter(ATLASES))
    placement: PlacementName | None = None
    subcortex: str = "aseg"
    engine: EngineName = "native"
    threads: int | None = None
    allow: tuple[str, ...] = ()
    keep_face: bool = False
    render: bool = True
    renderer: RendererName = "auto"
    report: ReportExtent | None = "full"
    dicom_out: bool = False
    wb_command: Path | None = None
    work: Path | None = None

    @as_made
    def __post_init__(self) -> None:
        program: object = self.wb_command
        if isinstance(program, str):  # what `shutil.which` gives
            object.__setattr__(self, "wb_command", Path(program))
        absent = {"report", *(known.name for known in fields(self) if known.default is None)}
        for name, kind, hint in _KINDS:
            if getattr(self, name) is not None or name not in absent:
                require_kind(name, getattr(self, name), kind, hint)
        for path in self.models:
            require_kind("models", path, Path, "give every checkpoint as a pathlib.Path")
        if self.threads is not None and self.threads < 1:
            raise OutOfRange("--threads", self.threads, of="threads")
        if self.nulls is not None and self.nulls < 0:
            raise OutOfRange("--null", self.nulls, least=0, of="networks")
        require_known(self.layout)
        require_choice("naming convention", self.naming, NAMINGS)
        require_choice("attribution method", self.method, METHODS)
        require_choice("second attribution method", self.also, SECOND_METHODS)
        require_choice("level of trust", self.trust, TRUST_LEVELS)
        require_choice("mesh", self.mesh, MESHES)
        require_choice("registration", self.registration, REGISTRATIONS)
        require_choice("engine", self.engine, ENGINES)
        require_choice("atlas", self.atlas, ATLASES)
        require_choice("renderer", self.renderer, RENDERERS)
        require_choice("extent of the report", self.report, REPORTS)
        require_choice("registration of a template", self.placement, PLACEMENTS)
        sources_named(self.subcortex)  # tells what cannot be meant
        if self.allow:
            from wbtools.native import checks

            checks.require_known(self.allow)

    @property
    def files(self) -> FileChoice:
        """Which of the subject's files are taken."""
        return FileChoice(self.layout, self.mesh, self.registration)

    @property
    def processors(self) -> int:
        """The number of threads that are used."""
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def placing(self) -> PlacementOptions:
        """How a template is laid over somebody without surfaces."""
        return PlacementOptions(self.placement, self.work, self.processors)

    @property
    def thorough(self) -> bool:
        """Whether the costly checks of a map are run, too."""
        return TRUST_LEVELS[self.trust]

    @property
    def explanation(self) -> ExplanationOptions:
        """How networks are explained."""
        from wbtools.exporting.explanation import ExplanationOptions

        return ExplanationOptions(
            self.method,
            self.target,
            self.nulls,
            self.thorough,
            self.processors,
            self.work,
            self.references.source,
            self.also,
        )

    def as_record(self, compared: Comparison) -> dict[str, object]:
        """All that decides the result of whichever subject, as JSON values without any folder of this machine."""
        return {
            "models": [path.name for path in self.models] or ["built-in"],
            "layout": self.layout,
            "naming": self.naming or "that of the layout",
            "method": self.method or "the one that suits each network",
            **({"also": self.also} if self.also else {}),
            "target": str(self.target) if self.target else "what the network is for",
            "other": _without_folders(compared.other),
            "others": [_without_folders(person) for person in compared.others],
            "null": "by the method's cost" if self.nulls is None else self.nulls,
            "references": str(self.references),
            "trust": self.trust,
            "mesh": self.mesh or "all that the subject has",
            "registration": self.registration or "MSMAll, else MSMSulc",
            "atlas": self.atlas,
            "placement": self.placement or "SyN where antspyx is installed, else affine",
            "subcortex": recorded(self.subcortex),
            "engine": self.engine,
            "allow": list(self.allow),
            "threads": self.processors,
            "render": self.render,
            "keep_face": self.keep_face,
            "report": self.report or "none",
            "dicom_out": self.dicom_out,
        }


def _without_folders(person: str | None) -> str | None:
    """A person as the record may name them: a subject's id, or a file without its folders."""
    return Path(person).name if person else None
