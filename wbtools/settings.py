"""What the user asked for, as plain values. Nothing here reads the environment; `cli/` does that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

from wbtools.errors import InputError


class MeshChoice(Enum):
    """Which surface meshes to export."""

    STANDARD = "32k"
    NATIVE = "native"
    BOTH = "both"
    FINE = "59k"
    FINEST = "164k"
    ALL = "all"


class Engine(Enum):
    """Who carries numbers between voxels and cortex: wbtools itself, or wb_command."""

    NATIVE = "native"
    WB_COMMAND = "wb_command"


class SurfaceRegistration(Enum):
    """The HCP surface registrations."""

    MSMALL = "MSMAll"
    MSMSULC = "MSMSulc"


ATLASES = ("hcp-mmp1",)


@dataclass(frozen=True)
class ExportSettings:
    """Everything `wbtools export-subject` was told.

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
    models : tuple of Path
        Checkpoints; empty means the built-in demonstration network.
    layout : str
        How the subject's folder is laid out; `auto` looks.
    naming : {"hcp", "bids"} or None
        How output files are named; None follows the layout.
    method : str or None
        Attribution method; None takes the one that suits each network.
    target : str or None
        What is explained, as on the command line; None explains what each network is for.
    other : str or None
        The person that the target compares with: a subject of the study folder, or a T1w image.
    others : tuple of str
        More people, for targets that compare with several.
    nulls : int or None
        Randomised networks that each map is compared with; None takes what the method's cost allows.
    trust : {"default", "full"}
        Whether the costly checks of a map are run, too.
    mesh : MeshChoice or None
        None exports every mesh the subject has.
    registration : SurfaceRegistration or None
        None takes MSMAll where it exists, else MSMSulc.
    atlas : str
    engine : Engine
    threads : int
        Processor threads to use, at least 1.
    allow : tuple of str
        Names of self-checks that may fail.
    keep_face : bool
        Whether the T1w is written and drawn whole; else only the brain and a rim around it.
    overwrite, render : bool
    wb_command : Path or None
        None looks on PATH.
    work : Path or None
        Keeps ribbon weights there for the next export of the same person; None keeps nothing.

    Raises
    ------
    InputError
        If threads is below 1, nulls below 0, or the atlas unknown.
    """

    subject: str
    study_folder: Path
    out: Path
    id: str | None = None
    models: tuple[Path, ...] = ()
    layout: str = "auto"
    naming: Literal["hcp", "bids"] | None = None
    method: str | None = None
    target: str | None = None
    other: str | None = None
    others: tuple[str, ...] = ()
    nulls: int | None = None
    trust: Literal["default", "full"] = "default"
    mesh: MeshChoice | None = None
    registration: SurfaceRegistration | None = None
    atlas: str = ATLASES[0]
    engine: Engine = Engine.NATIVE
    threads: int = 1
    allow: tuple[str, ...] = ()
    keep_face: bool = False
    overwrite: bool = False
    render: bool = True
    wb_command: Path | None = None
    work: Path | None = None

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise InputError(f"--threads {self.threads} is not a number of threads", hint="give 1 or more")
        if self.nulls is not None and self.nulls < 0:
            raise InputError(f"--null {self.nulls} is not a number of networks", hint="give 0 or more")
        if self.atlas not in ATLASES:
            raise InputError(f"the atlas '{self.atlas}' is unknown", hint=f"choose one of: {', '.join(ATLASES)}")

    def as_record(self) -> dict[str, object]:
        """The settings that decide the result, as JSON values without any folder of this machine."""
        return {
            "subject": self.subject,
            "models": [path.name for path in self.models] or ["built-in"],
            "layout": self.layout,
            "naming": self.naming or "that of the layout",
            "method": self.method or "the one that suits each network",
            "target": self.target or "what the network is for",
            "other": _named(self.other),
            "others": [_named(one) for one in self.others],
            "null": "by the method's cost" if self.nulls is None else self.nulls,
            "trust": self.trust,
            "mesh": self.mesh.value if self.mesh else "all that the subject has",
            "registration": self.registration.value if self.registration else "MSMAll, else MSMSulc",
            "atlas": self.atlas,
            "engine": self.engine.value,
            "allow": list(self.allow),
            "threads": self.threads,
            "render": self.render,
            "keep_face": self.keep_face,
        }


def _named(person: str | None) -> str | None:
    """A person as the record may name them: a subject's id, or a file without its folders."""
    return Path(person).name if person else None
