"""wbtools: what a trained network looked at in one person's brain, ready to open in Connectome Workbench.

The names here are the public Python interface; see docs/python.md. They are imported when they are used, so that
`import wbtools` is quick.
"""

# Nothing of the standard library is imported here: `python -m wbtools.cli` loads this before `wbtools.cli` can leave
# the working directory, whose `typing.py` must not be run. Type checkers know a constant of the name TYPE_CHECKING.
from wbtools.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wbtools.anatomy import Atlas
    from wbtools.api import explain, export, find_subject, load_model
    from wbtools.attribution import Attribution, Target
    from wbtools.errors import WbtoolsError
    from wbtools.exporting.pipeline import ExportResult
    from wbtools.exporting.references.choice import ReferenceChoice
    from wbtools.exporting.settings import ExportSettings
    from wbtools.model import Model
    from wbtools.reading import Batch, Export, open_batch
    from wbtools.reading.opening import open
    from wbtools.regions import Ranking
    from wbtools.space.grid import Grid, Volume
    from wbtools.subject import Subject

__all__ = [
    "Atlas",
    "Attribution",
    "Batch",
    "Export",
    "ExportResult",
    "ExportSettings",
    "Grid",
    "Model",
    "Ranking",
    "ReferenceChoice",
    "Subject",
    "Target",
    "Volume",
    "WbtoolsError",
    "__version__",
    "explain",
    "export",
    "find_subject",
    "load_model",
    "open",
    "open_batch",
]

_MODULES = {
    "Atlas": "anatomy",
    "Attribution": "attribution",
    "Batch": "reading",
    "Export": "reading",
    "ExportResult": "exporting.pipeline",
    "ExportSettings": "exporting.settings",
    "Grid": "space.grid",
    "Model": "model",
    "Ranking": "regions",
    "ReferenceChoice": "exporting.references.choice",
    "Subject": "subject",
    "Target": "attribution",
    "Volume": "space.grid",
    "WbtoolsError": "errors",
    "explain": "api",
    "export": "api",
    "find_subject": "api",
    "load_model": "api",
    "open": "reading.opening",
    "open_batch": "reading",
}
"""The modules that define the names; type checkers read the imports above."""


if not TYPE_CHECKING:  # which would take every name for one that is there

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value  # the next look finds it without asking here
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
