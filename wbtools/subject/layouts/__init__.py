"""Layouts of subject folders: the registry, with a module for each.

A layout is a constant `LAYOUT` of type `Layout` in a module here, added by its name to `LAYOUTS`, which is also the
command line's choice. What is special about a layout is a field of its entry. Where folders lie is common to all
(`wbtools.subject.places`), and so is what a person is called (`wbtools.subject.identity`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from wbtools.errors import require_choice
from wbtools.output.names import Naming
from wbtools.subject.subject import MeshChoice, Registration, Subject

AUTO = "auto"
"""The name that stands for trying all layouts."""

LAYOUTS: Mapping[str, str] = {
    "hcp": "wbtools.subject.layouts.hcp",
    "freesurfer": "wbtools.subject.layouts.freesurfer",
    "bids": "wbtools.subject.layouts.bids",
    "t1w": "wbtools.subject.layouts.t1w",
}
"""The module of each layout, imported when it is asked for."""

Find = Callable[[Path, str, MeshChoice | None, Registration | None], Subject]
"""Of a study folder and an id: the subject, whose folder `locate` has found."""


def _no_images(study_folder: Path, subject_id: str) -> list[Path]:
    return []


def _always(folder: Path) -> bool:
    return True


def _finished(folder: Path) -> tuple[str, str] | None:
    return None


@dataclass(frozen=True)
class Layout:
    """A layout of subject folders.

    Parameters
    ----------
    name : str
        Its key in `LAYOUTS`.
    looked_for : str
        What its folders look like, in a few words.
    locate : callable
        Of a study folder and an id: the subject's folder or file if it looks like this layout's, else None.
    list_subjects : callable
        Of a study folder: names of the subjects that look like this layout's.
    find : callable
        See `Find`.
    naming : str
        How the outputs of its subjects are named unless told.
    is_raw : bool
        Whether it is a scan with nothing made of it, which counts only where no other layout is found.
    prepare : callable, optional
        Of a subject and a folder: the subject with everything made that has to be made first, in that folder.
    unfinished : callable
        Of a folder: what it lacks that is almost this layout's, and what helps; None for another.
    complete : callable
        Whether a located folder has all that no mesh can do without.
    yields_to : str
        Another layout with the same cortex. Found among a data set's derivatives beside it, this one is taken only if
        it alone is complete.
    candidates : callable
        Of a study folder and an id: images of which `locate` chooses none, because there are several.
    unfetched : callable
        Of a study folder and an id: images that are named and not there.
    """

    name: str
    looked_for: str
    locate: Callable[[Path, str], Path | None]
    list_subjects: Callable[[Path], list[str]]
    find: Find
    naming: Naming = "hcp"
    is_raw: bool = False
    prepare: Callable[[Subject, Path], Subject] | None = None
    unfinished: Callable[[Path], tuple[str, str] | None] = _finished
    complete: Callable[[Path], bool] = _always
    yields_to: str = ""
    candidates: Callable[[Path, str], list[Path]] = _no_images
    unfetched: Callable[[Path, str], list[Path]] = _no_images


def layout_named(name: str) -> Layout:
    """The layout of this name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> layout_named("bids").naming, layout_named("t1w").is_raw
    ('bids', True)
    """
    require_known(name)
    found: Layout = import_module(LAYOUTS[name]).LAYOUT
    return found


def layouts_selected(name: str = AUTO) -> tuple[Layout, ...]:
    """All layouts for `auto`, else the one of this name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> [layout.name for layout in layouts_selected()]
    ['hcp', 'freesurfer', 'bids', 't1w']
    """
    return tuple(map(layout_named, LAYOUTS)) if name == AUTO else (layout_named(name),)


def require_known(name: str) -> None:
    """Raise InputError unless it is `auto` or the name of a layout."""
    require_choice("folder layout", name, (AUTO, *LAYOUTS))
