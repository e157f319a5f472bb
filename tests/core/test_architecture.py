"""The house is in order: who imports whom, how large things are, and what they are called.

Rooms are what stands directly in `wbtools`: its packages and single modules. Every import counts, also in functions and
under TYPE_CHECKING. `from package import name` is an import of the package's own module unless the name is one of its
modules; that a package is loaded on the way to a module inside it does not count.
"""

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

from wbtools.cli import main
from wbtools.provenance import code_sha256

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "wbtools"
LEVELS = (
    {"version", "errors", "text", "search_path", "atomic", "compression"},
    {"provenance", "space", "tables"},
    {"anatomy"},
    {"images", "workbench"},
    {"surfaces", "model", "regions", "output", "placement", "dicom"},
    {"subject", "attribution", "atlas", "reading", "drawing"},
    {"native", "report", "reconstructing"},
    {"exporting", "sharing"},
    {"batch", "api", "group"},
    {"datasets"},
    {"training"},
    {"evaluating", "asking"},
    {"cli"},
)
"""A room may import from those of the levels before its own, and from no other."""
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def trees():
    """The syntax tree of each module: not made where tests are only collected, which each process does."""
    return {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imported(tree, modules):
    """The modules that are imported in a syntax tree, wherever it does that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from {name if name in modules else node.module for name in inside} & modules.keys()
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & modules.keys()


def cycle(graph):
    """The modules of one cycle, the first of them again at the end; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return found.args[1]
    return []


@cache
def imports():
    """What each module imports."""
    return {name: set(imported(tree, MODULES)) - {name} for name, tree in trees().items()}


def room(module):
    return module.split(".")[1]


def inside_rooms(modules):
    return [module for module in modules if "." in module]


# ------------------------------------------------------------------------------------------------------------- imports


def test_every_room_has_one_of_at_most_fourteen_levels():
    assert {room(module) for module in inside_rooms(MODULES)} == set(LEVEL)
    assert len(LEVEL) == sum(map(len, LEVELS)) and len(LEVELS) <= 14


@pytest.mark.parametrize("module", inside_rooms(MODULES))
def test_a_module_imports_from_its_own_room_and_from_earlier_levels_only(module):
    others = {name for name in inside_rooms(imports()[module]) if room(name) != room(module)}
    assert not {name for name in others if LEVEL[room(name)] >= LEVEL[room(module)]}


def test_no_modules_import_one_another_in_a_circle():
    assert cycle(imports()) == []


def test_a_cycle_in_a_function_or_under_type_checking_is_found():
    sources = {
        "p": "from p import a",
        "p.a": "def f():\n    import p.b",
        "p.b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.c import C",
        "p.c": "from p import a, something",
    }
    graph = {name: set(imported(ast.parse(text), sources)) for name, text in sources.items()}
    assert graph == {"p": {"p.a"}, "p.a": {"p.b"}, "p.b": {"p.c"}, "p.c": {"p.a", "p"}}
    assert cycle(graph) and not cycle({**graph, "p.c": set()})


HEAVY = {"torch", "nibabel", "numba", "scipy", "pandas", "nilearn", "matplotlib", "PIL", "importlib.metadata"}
"""What takes longer to import than anybody wants to wait for help."""
COMPUTING = HEAVY | {"wbtools.exporting.explanation", "wbtools.exporting.pipeline", "wbtools.report.person"}
CHOOSING = ("export-subject", "batch", "prepare", "evaluate", "index", "dicom")
"""Commands whose choices, or whose lists of people, stand in modules that need numpy."""


def loaded_by_help(*words):
    """The modules that are loaded when a help has been printed."""
    code = (
        "import sys; from wbtools.cli import main; main([*sys.argv[1:], '--help'], standalone_mode=False); "
        "print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def test_help_loads_no_heavy_library():
    assert not loaded_by_help() & {*COMPUTING, "numpy", "rich"}


@pytest.mark.parametrize("name", main.list_commands(None))
def test_the_help_of_a_command_loads_nothing_that_computes(name):
    assert not loaded_by_help(name) & (COMPUTING if name in CHOOSING else {*COMPUTING, "numpy"})


@pytest.mark.parametrize("name", ["run", "status", "verify"])
def test_the_help_of_a_command_on_a_batch_loads_nothing_that_computes(name):
    assert not loaded_by_help("batch", name) & COMPUTING


# ---------------------------------------------------------------------------------------------------------------- size


def test_at_most_eight_modules_stand_at_the_top():
    assert len([path for path in PACKAGE.glob("*.py") if path.stem != "__init__"]) <= 8


def test_no_folder_holds_more_than_fifteen_modules():
    counts = Counter(path.parent for path in MODULES.values() if path.stem != "__init__")
    assert {folder.relative_to(ROOT).as_posix(): n for folder, n in counts.items() if n > 15} == {}


@pytest.mark.parametrize("module", MODULES)
def test_modules_stay_short(module):
    assert len(MODULES[module].read_text().splitlines()) <= 400


def test_the_line_of_an_export_fits_on_one_screen():
    assert len(MODULES["wbtools.exporting.pipeline"].read_text().splitlines()) <= 120


def functions(tree, around=None):
    """Every function of a syntax tree, with the class that it is a method of."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, around
        yield from functions(node, node if isinstance(node, ast.ClassDef) else None)


def arguments(function, within):
    """Names of what a caller gives."""
    given = function.args
    named = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    bound = within is not None and not any(
        getattr(mark, "id", "") == "staticmethod" for mark in function.decorator_list
    )
    return named[bound:]


def test_functions_have_at_most_six_arguments():
    # Values may be made of more, and so may the command line, whose arguments are its options.
    long = {
        f"{name}.{function.name}"
        for name, tree in trees().items()
        if room(f"{name}.") != "cli"
        for function, within in functions(tree)
        if function.name not in {"__init__", "__new__"} and len(arguments(function, within)) > 6
    }
    assert long == set()


def test_what_the_type_checker_is_told_instead_of_shown_stays_rare():
    casts = Counter(
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "cast"
    )
    assert casts.total() <= 20, casts.most_common()


# --------------------------------------------------------------------------------------------------------------- names


def bound_names(tree):
    """Everything that code gives a name to: variables, also of loops, parameters, functions, imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler | ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname


def test_nothing_is_called_one():
    everywhere = chain.from_iterable((ROOT / folder).rglob("*.py") for folder in ("wbtools", "tests", "benchmarks"))
    names = ((path.relative_to(ROOT).as_posix(), bound_names(ast.parse(path.read_text()))) for path in everywhere)
    assert [path for path, found in names if "one" in found] == []


# ---------------------------------------------------------------------------------------------------------- cache keys


def test_what_is_kept_on_disk_is_keyed_by_all_code_of_the_packages_that_made_it(tmp_path, monkeypatch):
    package = tmp_path / "some_package" / "inner"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    keys = [code_sha256("some_package")]
    (package / "deep.py").write_text("x = 1\n")
    keys.append(code_sha256("some_package"))
    (package / "deep.py").write_text("x = 2\n")
    keys.append(code_sha256("some_package"))
    (package / "deep.py").rename(package.parent / "deep.py")
    keys.append(code_sha256("some_package"))
    assert len(set(keys)) == 4
