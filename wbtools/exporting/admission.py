"""Whether an export may be made and written as it is wanted: asked before any work, by dry runs as well."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbtools.attribution import Target
from wbtools.errors import InputError
from wbtools.native import checks
from wbtools.output import containment
from wbtools.output.destination import require_writable
from wbtools.provenance import sha256
from wbtools.settings import Engine, ExportSettings
from wbtools.subject import Subject
from wbtools.subject.selection import Known
from wbtools.workbench.runner import Workbench


def require_words(settings: ExportSettings) -> None:
    """Require that options which are words can be meant, whatever the subject and the network are.

    Raises
    ------
    InputError
        If there is no such target or self-check.
    """
    if settings.target is not None:
        Target.parse(settings.target)
    checks.require_known(settings.allow)


def require_machine(settings: ExportSettings) -> None:
    """Require that this machine has what options name: a folder for caches that can be written, a Workbench.

    Raises
    ------
    InputError
        If the folder of `--work` is none, or can neither be written nor made.
    CommandMissing
        If the Workbench that was named, or that has to map, is not there.
    """
    if settings.work is not None:
        require_writable(settings.work, "--work")
    if settings.wb_command or settings.engine is Engine.WB_COMMAND:
        Workbench.find(settings.wb_command).version()


def require_apart(settings: ExportSettings, subject: Subject, name: str, people: Sequence[Path]) -> None:
    """Require that a subject's folder of outputs is apart from all inputs.

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


def require_others(settings: ExportSettings, subject: Subject, people: Sequence[Known]) -> None:
    """Require that a target which compares people is not given one image twice: all that it explains would be 0.

    Parameters
    ----------
    settings : ExportSettings
    subject : Subject
    people : sequence of Known
        Everybody that the subject is compared with, `--other` first.

    Raises
    ------
    InputError
        If `--other` is the subject's own image, or `--others` are all that of `--other`.
    """
    if not settings.other or not settings.target or not Target.parse(settings.target).compares:
        return
    first, *more = (known.t1w for known in people)
    if _same(subject.t1w, first):
        raise InputError(
            f"--other {settings.other} is the image of {subject.id} itself: there is no difference to explain",
            hint="name another person with --other",
        )
    if more and all(_same(first, one) for one in more):
        raise InputError(
            f"--others is the image of --other {settings.other}: there is no difference to explain",
            hint="name other people with --others",
        )


def _same(first: Path, second: Path) -> bool:
    """Whether two files are one, or have the same bytes."""
    if first.samefile(second):
        return True
    return first.stat().st_size == second.stat().st_size and sha256(first) == sha256(second)
