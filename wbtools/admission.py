"""Whether an export may be written where it is wanted: asked before any work, by dry runs as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbtools import containment, outputs
from wbtools.settings import ExportSettings
from wbtools.subject import Subject


def require(settings: ExportSettings, subject: Subject, name: str, people: Sequence[Path]) -> None:
    """Require that a subject's folder of outputs is apart from all inputs, and has nothing that may not be replaced.

    Parameters
    ----------
    settings : ExportSettings
    subject : Subject
    name : str
        Of its folder of outputs.
    people : sequence of Path
        Images of everybody that the subject is compared with.

    Raises
    ------
    InputError
        Naming both folders.
    """
    networks = [path for path in settings.models if path.exists()]
    inputs = [*subject.own_folders(settings.study_folder), *subject.used(subject.meshes), *people, *networks]
    containment.require_apart(settings.out / name, inputs, settings.study_folder)
    containment.require_place(settings.out, settings.study_folder, work=settings.work)
    outputs.require_absent(settings.out, name, settings.overwrite, subject.id)
