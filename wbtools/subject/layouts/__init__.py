"""The registry of layouts of subject folders, with a module for each layout.

A layout is a constant `LAYOUT` of type `Layout` in a module here; its name in `LAYOUTS` is also the choice on the
command line. Whatever is special about a layout is a field of its entry. The location of folders
(`wbtools.subject.places`) and the identity of subjects (`wbtools.subject.identity`) are common to all layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from wbtools.dicom.series import SeriesChoice
from wbtools.errors import require_choice
from wbtools.output.names import Naming
from wbtools.placement.options import PlacementOptions
from wbtools.subject.subject import MeshChoice, Registration, Subject

AUTO = "auto"
"""The name that stands for trying all layouts."""

LAYOUTS: Mapping[str, str] = {
    "hcp": "wbtools.subject.layouts.hcp",
    "freesurfer": "wbtools.subject.layouts.freesurfer",
    "bids": "wbtools.subject.layouts.bids",
    "cat": "wbtools.subject.layouts.cat",
    "t1w": "wbtools.subject.layouts.t1w",
    "dicom": "wbtools.subject.layouts.dicom",
}
"""The module of each layout, imported when it is needed."""

Find = Callable[[Path, str, MeshChoice | None, Registration | None], Subject]
"""Takes study folder, id, mesh and registration; returns the subject, whose folder `locate` has found."""


def _no_images(study_folder: Path, subject_id: str) -> list[Path]:
    return []


def _always(folder: Path) -> bool:
    return True


def _never(folder: Path) -> bool:
    return False


def _around(path: Path) -> Path:
    return path.parent if path.is_file() else path


def _finished(folder: Path) -> tuple[str, str] | None:
    return None


def having(*signs: tuple[str, ...]) -> Callable[[Path], bool]:
    """The condition that a folder holds everything named by at least one of the signs.

    Examples
    --------
    >>> holds_devices = having(("dev/null", "dev/zero"), ("devices",))
    >>> holds_devices(Path("/")), holds_devices(Path("/dev"))
    (True, False)
    """

    def holds(folder: Path) -> bool:
        return any(all((folder / name).exists() for name in names) for names in signs)

    return holds


@dataclass(frozen=True)
class Signs:
    """What tells a subject's folder of a layout, so that nothing is written into it; see `wbtools.subject.containment`.

    Each is a condition on a folder, which need not be complete: an unfinished folder is somebody's data, too.

    Parameters
    ----------
    anywhere : callable
        Holds for subjects' folders only, wherever they are.
    in_study : callable
        Enough in a study folder; need not repeat `anywhere`.
    beside_export : callable
        Holds for no export, so that a folder with a record which meets it holds somebody's inputs as well.
    """

    anywhere: Callable[[Path], bool] = _never
    in_study: Callable[[Path], bool] = _never
    beside_export: Callable[[Path], bool] = _never


@dataclass(frozen=True)
class Layout:
    """A layout of subject folders.

    Parameters
    ----------
    name : str
        Its key in `LAYOUTS`.
    looked_for : str
        Short description of its folders, for messages.
    locate : callable
        Takes study folder and id; returns the subject's folder or file in this layout, or None.
    list_subjects : callable
        Takes a study folder; returns the names of the subjects in this layout.
    find : callable
        See `Find`.
    signs : Signs
        What tells its folders, to which nothing is written; `Signs()` if a subject has no folder of its own.
    parts : tuple of str
        The folders in a subject's folder by which it is recognised; every subject has the first.
    steps : frozenset of str
        Further words in names of folders and files below those, in lower case and without `-`: they name no subject.
    naming : str
        Default naming of the outputs of its subjects.
    is_raw : bool
        Whether it is an unprocessed scan, which is used only if no other layout is found; of several, the first of the
        registry counts.
    prepare : callable, optional
        Takes a subject, a folder, and how templates are placed; makes the files that the subject needs in the folder,
        and returns the subject.
    unfinished : callable
        Takes a folder; returns message and hint if it is an incomplete folder of this layout, else None.
    complete : callable
        Whether a located folder has all files that every mesh requires.
    folder_of : callable
        Takes what `locate` returned; returns the subject's folder.
    yields_to : str
        Another layout with the same cortex. If both are found and this one is among the derivatives of a data set, it
        is taken only if it alone is complete.
    candidates : callable
        Takes study folder and id; returns images between which `locate` does not choose.
    unfetched : callable
        Takes study folder and id; returns images whose files were not fetched.
    of_series : callable, optional
        Takes the choice of a scanner's series; returns how to find its subject. Only a layout of the scanner's own
        files has it: they lie anywhere below a folder, and its name is not told.
    """

    name: str
    looked_for: str
    locate: Callable[[Path, str], Path | None]
    list_subjects: Callable[[Path], list[str]]
    find: Find
    signs: Signs
    parts: tuple[str, ...] = ()
    steps: frozenset[str] = frozenset()
    naming: Naming = "hcp"
    is_raw: bool = False
    prepare: Callable[[Subject, Path, PlacementOptions], Subject] | None = None
    unfinished: Callable[[Path], tuple[str, str] | None] = _finished
    complete: Callable[[Path], bool] = _always
    folder_of: Callable[[Path], Path] = _around
    yields_to: str = ""
    candidates: Callable[[Path, str], list[Path]] = _no_images
    unfetched: Callable[[Path, str], list[Path]] = _no_images
    of_series: Callable[[SeriesChoice], Find] | None = None


def layout_named(name: str) -> Layout:
    """The layout with a name.

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
    """All layouts for `auto`, else the one with this name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> {"hcp", "bids"} <= {layout.name for layout in layouts_selected()}
    True
    >>> [layout.name for layout in layouts_selected("bids")]
    ['bids']
    """
    return tuple(map(layout_named, LAYOUTS)) if name == AUTO else (layout_named(name),)


def require_known(name: str) -> None:
    """Raise InputError unless it is `auto` or the name of a layout."""
    require_choice("folder layout", name, (AUTO, *LAYOUTS))
