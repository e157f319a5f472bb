"""One person's folder, found and checked: `Subject`, and one module per folder layout.

A layout is one module with a function `find(study_folder, subject_id, mesh, surf_reg) -> Subject`. It is added by its
name in `LAYOUTS`, which is also the command line's choice.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from wbtools.errors import InputError
from wbtools.subject.subject import MeshName, Missing, Registration, Subject, SurfaceKind, check_meshes

__all__ = [
    "LAYOUTS",
    "MeshName",
    "Missing",
    "Registration",
    "Subject",
    "SurfaceKind",
    "check_meshes",
    "find",
]

LAYOUTS: dict[str, str] = {"hcp": "wbtools.subject.hcp"}
"""The module of each layout, imported when it is asked for."""


def find(
    study_folder: Path,
    subject_id: str,
    mesh: str | None = None,
    surf_reg: str | None = None,
    layout: str = "hcp",
) -> Subject:
    """Find one subject's files.

    Parameters
    ----------
    study_folder : Path
        Holds the subject's folder.
    subject_id : str
        Name of the subject's folder.
    mesh : {"32k", "native", "both"}, optional
        None takes every mesh that is complete.
    surf_reg : {"MSMAll", "MSMSulc"}, optional
        None takes MSMAll where it is there, else MSMSulc.
    layout : str
        A name in `LAYOUTS`.

    Raises
    ------
    InputError
        If the id, the study folder or an option cannot be used.
    SubjectError
        If the subject is unknown or lacks needed files, all of which are listed.
    """
    if layout not in LAYOUTS:
        raise InputError(f"'{layout}' is no folder layout", mend=f"choose one of: {', '.join(LAYOUTS)}")
    found: Subject = import_module(LAYOUTS[layout]).find(study_folder, subject_id, mesh, surf_reg)
    return found
