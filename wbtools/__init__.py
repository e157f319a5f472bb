"""wbtools: what a trained network looked at in one person's brain, ready to open in Connectome Workbench.

The names here are the public Python interface; see docs/python.md. They are imported when they are used, so that
`import wbtools` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from wbtools.version import __version__

if TYPE_CHECKING:
    from wbtools.anatomy import Atlas
    from wbtools.api import explain, export, find_subject, load_model
    from wbtools.attribution import Attribution, Target
    from wbtools.errors import WbtoolsError
    from wbtools.exporting.pipeline import Export
    from wbtools.exporting.settings import ExportSettings
    from wbtools.model import Model
    from wbtools.regions import Ranking
    from wbtools.space.grid import Grid, Volume
    from wbtools.subject import Subject

__all__ = [
    "Atlas",
    "Attribution",
    "Export",
    "ExportSettings",
    "Grid",
    "Model",
    "Ranking",
    "Subject",
    "Target",
    "Volume",
    "WbtoolsError",
    "__version__",
    "explain",
    "export",
    "find_subject",
    "load_model",
]

_MODULES = {
    "Atlas": "anatomy",
    "Attribution": "attribution",
    "Export": "exporting.pipeline",
    "ExportSettings": "exporting.settings",
    "Grid": "space.grid",
    "Model": "model",
    "Ranking": "regions",
    "Subject": "subject",
    "Target": "attribution",
    "Volume": "space.grid",
    "WbtoolsError": "errors",
    "explain": "api",
    "export": "api",
    "find_subject": "api",
    "load_model": "api",
}
"""The modules that define the names; type checkers read the imports above."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # the next look finds it without asking here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
