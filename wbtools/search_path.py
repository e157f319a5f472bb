"""Search paths of programs and modules, restricted to installed ones: never the working directory.

An empty or relative entry of `PATH` or `PYTHONPATH` stands for the working directory, and a trailing colon is such an
entry. A `numpy.py` or a `wb_command` among the data would be run.
"""

# ruff: noqa: PTH100, PTH117
# This is imported while the working directory may still be searched: import only modules that are already loaded.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LISTS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
"""Variables with several folders."""
_FOLDERS = ("PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX")
"""Variables with a folder from which Python loads code."""
_CACHE = "NUMBA_CACHE_DIR"
"""Where numba keeps pickles. A `.numba_config.yaml` in the working directory names another place, if no variable does;
empty, it means numba's own choice."""
_PROGRAMS = ("/wbtools", "/wbtools/cli/__main__.py")
"""Suffixes of the first word of this program's command line."""


def absolute_only(entries: str) -> str:
    """A list of folders as in `PATH`, without entries that depend on the working directory.

    Examples
    --------
    >>> absolute_only("/usr/bin::.:tools:/bin:")
    '/usr/bin:/bin'
    """
    return os.pathsep.join(entry for entry in entries.split(os.pathsep) if os.path.isabs(entry))


def find_program(name: str) -> "str | None":
    """The path of a program on `PATH`, None if there is none; a name with a folder in it is used unchanged.

    Examples
    --------
    >>> find_program("sh").endswith("/sh"), find_program("no such program")
    (True, None)
    """
    import shutil

    return shutil.which(name, path=absolute_only(os.environ.get("PATH", os.defpath)))


def python_path(environment: "Mapping[str, str]") -> str:
    """The value of `PYTHONPATH` for processes that wbtools starts; empty if there is none."""
    return absolute_only(environment.get("PYTHONPATH", ""))


def without_working_directory(environment: "Mapping[str, str]") -> "dict[str, str]":
    """An environment in which the working directory is not searched.

    Examples
    --------
    >>> without_working_directory({"PATH": "/bin:", "PYTHONPATH": ":", "HOME": "/root"})
    {'PATH': '/bin', 'HOME': '/root', 'NUMBA_CACHE_DIR': ''}
    """
    lists = {name: absolute_only(environment[name]) for name in _LISTS if name in environment}
    wrong = {name for name in _FOLDERS if not os.path.isabs(environment.get(name, "/"))}
    wrong |= {name for name, value in lists.items() if not value}
    kept = {name: value for name, value in {**environment, **lists}.items() if name not in wrong}
    return {**kept, _CACHE: kept[_CACHE] if os.path.isabs(kept.get(_CACHE, "")) else ""}


def leave_working_directory() -> None:
    """Remove the working directory from the search paths of this process, if it is the program `wbtools`.

    As a library, wbtools must not do that to the program that imports it.
    """
    by_module = sys.argv[:1] == ["-m"]  # `python -m wbtools.cli`, while Python still looks for it
    if not by_module and not (sys.argv and f"/{sys.argv[0]}".endswith(_PROGRAMS)):
        return
    if by_module and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        del sys.path[0]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if "PYTHONPATH" in os.environ]
    relative = {os.path.abspath(entry) for entry in given if not os.path.isabs(entry)}.difference(given)
    sys.path[:] = [entry for entry in sys.path if entry and entry not in relative]
    kept = without_working_directory(os.environ)
    for name in (*_LISTS, *_FOLDERS, _CACHE):
        if name in kept:
            os.environ[name] = kept[name]
        else:
            os.environ.pop(name, None)
