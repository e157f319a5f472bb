"""What a batch does to each of its subjects: a value, and the JSON by which the plan of the batch keeps it.

Keys are the command line's, so that batches of earlier versions can be read; an option that they do not know has its
default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from wbtools.atlas import ATLASES
from wbtools.atlas.deep.spelling import from_root
from wbtools.attribution import METHODS, SECOND_METHODS, Target
from wbtools.batch.state.folder import BatchFiles
from wbtools.drawing.renderer_names import RENDERERS
from wbtools.errors import InputError
from wbtools.exporting.references.choice import USUAL, ReferenceChoice
from wbtools.exporting.settings import REGISTRATIONS, REPORTS, TRUST_LEVELS, ExportJob, ExportSettings, ReportExtent
from wbtools.native.engines import ENGINES
from wbtools.output.names import NAMINGS
from wbtools.placement.options import PLACEMENTS
from wbtools.subject import MESHES
from wbtools.subject.identity import typed
from wbtools.subject.layouts import AUTO, LAYOUTS
from wbtools.subject.selection import NOBODY, Comparison
from wbtools.text import line

T = TypeVar("T")

_USUAL = ExportSettings()
_NO_REPORT = "none"
_OPTIONS = {"models": "--model", "nulls": "--null"}
"""Options whose keys are spelled otherwise."""


@dataclass(frozen=True)
class BatchExport:
    """The export of every subject of a batch.

    Parameters
    ----------
    study_folder : Path
    compared : Comparison
        The people that the target compares with.
    settings : ExportSettings
        `threads` is what was asked for; workers have their own number.
    """

    study_folder: Path
    compared: Comparison = NOBODY
    settings: ExportSettings = _USUAL

    def job(self, subject: str, out: Path) -> ExportJob:
        """The export of one subject."""
        cache = BatchFiles(out).references
        return ExportJob(subject, self.study_folder, out, compared=self.compared, cache=cache)

    def with_threads(self, threads: int) -> BatchExport:
        """The same by a worker that has so many threads."""
        return replace(self, settings=replace(self.settings, threads=threads))


def as_json(export: BatchExport) -> dict[str, object]:
    """A batch's export as its plan keeps it: JSON, paths absolute, since workers may run elsewhere, and later."""
    how, compared = export.settings, export.compared
    return {
        "study_folder": _path(export.study_folder),
        "layout": how.layout,
        "naming": how.naming,
        "models": [_path(model) for model in how.models],
        "method": how.method,
        **({"also": how.also} if how.also else {}),  # plans of earlier versions stay what they are
        "target": str(how.target) if how.target else None,
        "other": compared.other if compared.other is None else _person(compared.other),
        "others": [_person(person) for person in compared.others],
        "nulls": how.nulls,
        "references": _references(how.references),
        "trust": how.trust,
        "mesh": how.mesh,
        "surf_reg": how.registration,
        "atlas": how.atlas,
        **({"registration": how.placement} if how.placement else {}),
        **({} if how.subcortex == _USUAL.subcortex else {"subcortex": from_root(how.subcortex)}),
        "mapping_engine": how.engine,
        "allow": list(how.allow),
        "keep_face": how.keep_face,
        "threads": how.threads,
        "no_render": not how.render,
        **({} if how.renderer == _USUAL.renderer else {"renderer": how.renderer}),
        **({} if how.report == _USUAL.report else {"report": how.report or _NO_REPORT}),
        **({"dicom_out": True} if how.dicom_out else {}),
        "wb_command": _path(how.wb_command) if how.wb_command else None,
        "work": _path(how.work) if how.work else None,
    }


def from_json(kept: Mapping[str, object]) -> BatchExport:
    """The export that `as_json` wrote, of this version or an earlier one.

    Raises
    ------
    InputError
        If a value is of a kind that no batch is written with.
    """
    read = _Kept(kept)
    settings = ExportSettings(
        models=tuple(map(Path, read.texts("models"))),
        layout=read.choice("layout", (AUTO, *LAYOUTS)) or AUTO,
        naming=read.choice("naming", NAMINGS),
        method=read.choice("method", METHODS),
        also=read.choice("also", SECOND_METHODS),
        target=read.target("target"),
        nulls=read.number("nulls"),
        references=read.references("references"),
        trust=read.choice("trust", TRUST_LEVELS) or _USUAL.trust,
        mesh=read.choice("mesh", MESHES),
        registration=read.choice("surf_reg", REGISTRATIONS),
        atlas=read.choice("atlas", ATLASES) or _USUAL.atlas,
        placement=read.choice("registration", PLACEMENTS),
        subcortex=read.text("subcortex") or _USUAL.subcortex,
        engine=read.choice("mapping_engine", ENGINES) or _USUAL.engine,
        allow=read.texts("allow"),
        keep_face=read.flag("keep_face"),
        threads=read.number("threads"),
        render=not read.flag("no_render"),
        renderer=read.choice("renderer", RENDERERS) or _USUAL.renderer,
        report=_report(read),
        dicom_out=read.flag("dicom_out"),
        wb_command=read.path("wb_command"),
        work=read.path("work"),
    )
    compared = Comparison(read.text("other"), read.texts("others"))
    return BatchExport(read.path("study_folder") or Path(), compared, settings)


def _report(read: _Kept) -> ReportExtent | None:
    """What the page holds; plans of earlier versions do not say it."""
    if read.text("report") == _NO_REPORT:
        return None
    return read.choice("report", REPORTS) or _USUAL.report


def _references(choice: ReferenceChoice) -> str | None:
    """A choice of references as it is typed, its path from the root; None for what is usual."""
    return (_path(choice.place) if choice.place else choice.typed) or None


def _path(path: Path) -> str:
    """An existing path from the root, as it was typed; what does not exist may be a program or a Python function."""
    return str(typed(path)) if path.exists() else str(path)


def _person(person: str) -> str:
    """A path of a person from the root; an id stays one."""
    path = Path(person)
    return str(typed(path)) if path.is_file() or ("/" in person and path.exists()) else person


@dataclass(frozen=True)
class _Kept:
    """Values of JSON, of the kinds that a batch is written with; None stands for an option that was not given."""

    values: Mapping[str, object]

    def text(self, key: str) -> str | None:
        """Words."""
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._damaged(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Words of an option that may be repeated."""
        value = self.values.get(key)
        if value is None:
            return ()
        if isinstance(value, list | tuple):
            texts = [text for text in value if isinstance(text, str)]
            if len(texts) == len(value):
                return tuple(texts)
        raise self._damaged(key)

    def path(self, key: str) -> Path | None:
        """A path."""
        text = self.text(key)
        return None if text is None else Path(text)

    def number(self, key: str) -> int | None:
        """A whole number."""
        value = self.values.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._damaged(key)

    def flag(self, key: str) -> bool:
        """Whether an option was given."""
        value = self.values.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self._damaged(key)

    def choice(self, key: str, choices: Collection[T]) -> T | None:
        """A name of a registry."""
        value = self.values.get(key)
        if value is None:
            return None
        for choice in choices:
            if choice == value:
                return choice
        raise self._damaged(key)

    def target(self, key: str) -> Target | None:
        """What is explained."""
        text = self.text(key)
        try:
            return None if text is None else Target.parse(text)
        except InputError:
            raise self._damaged(key) from None

    def references(self, key: str) -> ReferenceChoice:
        """Which brains a person's is compared with."""
        text = self.text(key)
        try:
            return USUAL if text is None else ReferenceChoice.parse(text)
        except InputError:
            raise self._damaged(key) from None

    def _damaged(self, key: str) -> InputError:
        option = _OPTIONS.get(key, f"--{key.replace('_', '-')}")
        return InputError(
            f"the batch's record of its options is damaged: {line(repr(self.values[key]), 80)} is no {option}",
            hint="run the batch's own line again to write it anew",
        )
