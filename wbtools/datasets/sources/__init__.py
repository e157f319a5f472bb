"""The registry of what data sets are made of, with a module for each form.

A source is a constant `SOURCE` of type `Source` in a module here; its name in `SOURCES` is also the choice on the
command line. The first that recognises what was given is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from wbtools.datasets.candidates import Found, SourceOptions, person_by
from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RECIPES, recipe_named
from wbtools.errors import InputError, MissingFile, require_choice
from wbtools.subject import layouts, places

AUTO = "auto"

SOURCES: Mapping[str, str] = {
    "arrays": "wbtools.datasets.sources.arrays",
    "table": "wbtools.datasets.sources.table",
    "parquet": "wbtools.datasets.sources.parquet",
    "midlines": "wbtools.datasets.sources.midlines",
    "folders": "wbtools.datasets.sources.folders",
    "study": "wbtools.datasets.sources.study",
}
"""The module of each form, in the order in which they are tried."""


def outside(out: Path, place: Path) -> None:
    """The usual rule: nothing is written into what is read, where it would be read the next time."""
    inner, outer = out.resolve(), place.resolve()
    if inner == outer or (outer in inner.parents and outer.is_dir()):
        raise InputError(f"--out {out} lies in {place}, which is read", hint="choose a folder outside it with --out")


@dataclass(frozen=True)
class Source:
    """A form of what data sets are made of.

    Parameters
    ----------
    name : str
        Its key in `SOURCES`.
    looked_for : str
        Short description, for messages.
    kinds : frozenset of Kind
        What images it may hold.
    recognises : callable
        Takes a path; whether it has this form, by a look at names and first lines.
    find : callable
        Takes a path, the kind and options; returns what it offers.
    require_outside : callable
        Takes the folder to write to and the path; raises InputError unless that may be written to.
    takes : frozenset of str
        Names of `SourceOptions` on the command line that apply; `--labels` always does.
    """

    name: str
    looked_for: str
    kinds: frozenset[Kind]
    recognises: Callable[[Path], bool]
    find: Callable[[Path, Kind, SourceOptions], Found]
    require_outside: Callable[[Path, Path], None] = outside
    takes: frozenset[str] = frozenset(["column"])

    def require_options(self, options: SourceOptions) -> None:
        """Require that every option that is given applies to this form, and that `--person` is an expression."""
        given = {
            "layout": options.layout != layouts.AUTO,
            "column": bool(options.columns),
            "person": bool(options.person),
        }
        for name in (name for name, is_given in given.items() if is_given and name not in self.takes):
            raise InputError(f"--{name} does not apply to the form {self.name}", hint=f"leave --{name} out")
        person_by(options.person)


def source_named(name: str) -> Source:
    """The source with a name; InputError if there is none."""
    require_choice("form of a source", name, (AUTO, *SOURCES))
    found: Source = import_module(SOURCES[name]).SOURCE
    return found


def source_of(place: Path, kind: Kind, name: str = AUTO) -> Source:
    """The form of what was given.

    Parameters
    ----------
    place : Path
        A folder or a file.
    kind : Kind
        What the recipe needs.
    name : str
        A key of `SOURCES`, or `auto`.

    Raises
    ------
    InputError
        If it has none, or one that holds no such images.
    """
    if not places.is_dir(place) and not places.is_file(place):
        raise MissingFile(place)
    all_sources = [source_named(each) for each in SOURCES]
    fitting = [source for source in all_sources if kind in source.kinds]
    if name != AUTO:
        chosen = source_named(name)
        if chosen not in fitting:
            raise InputError(f"the form {name} holds no {kind.value}", hint=_choices(fitting))
        return chosen
    found = next((source for source in fitting if source.recognises(place)), None)
    if found is None:
        _require_no_other_kind(place, kind, all_sources)
        looked_for = "; ".join(source.looked_for for source in fitting)
        raise InputError(f"{place} holds no {kind.value} in a known form (looked for: {looked_for})", _choices(fitting))
    return found


def _require_no_other_kind(place: Path, kind: Kind, all_sources: list[Source]) -> None:
    """Raise InputError if there are images of another kind, for another recipe."""
    other = next((source for source in all_sources if source.recognises(place)), None)
    if other is None:
        return
    kinds = [each for each in Kind if each in other.kinds]
    fitting = [name for name in RECIPES if recipe_named(name).kind in kinds]
    raise InputError(
        f"{place} holds {' or '.join(each.value for each in kinds)} ({other.looked_for}), not {kind.value}",
        hint=f"prepare them for {' or '.join(fitting)}",
    )


def _choices(fitting: list[Source]) -> str:
    return f"name the form with --source: {', '.join(source.name for source in fitting)}"
