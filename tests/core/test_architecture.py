"""A module imports only what stands above it, and light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from wbtools.provenance import code_sha256

PACKAGE = Path(__file__).resolve().parents[2] / "wbtools"
LEVELS = (
    {"errors", "text", "search_path", "atomic", "provenance"},
    {"space", "settings"},
    {"anatomy"},
    {"images", "output", "workbench"},
    {"surfaces", "atlas", "model", "regions"},
    {"subject", "attribution"},
    {"native"},
    {"exporting"},
    {"batch", "training"},
    {"cli"},
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}


def unit(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported_units(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wbtools"):
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "wbtools" else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("wbtools")]
        else:
            continue
        yield from (name.split(".")[1] for name in names if "." in name and not name.split(".")[1].startswith("__"))


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if unit(path) != "__init__")


def test_every_module_has_a_level():
    assert {unit(path) for path in SOURCES} <= set(LEVEL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_come_from_above(path):
    own = unit(path)
    wrong = {name for name in imported_units(path) if name != own and LEVEL[name] > LEVEL[own]}
    same = {name for name in imported_units(path) if name != own and LEVEL[name] == LEVEL[own]}
    assert not wrong, f"{own} imports from below: {wrong}"
    assert not same, f"{own} imports from its own level: {same}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_stay_short(path):
    assert len(path.read_text().splitlines()) <= 400


def test_help_loads_no_heavy_library():
    code = (
        "import sys; from wbtools.cli import main; main(['--help'], standalone_mode=False); "
        "print(sorted({'torch', 'nibabel', 'numba', 'scipy', 'nilearn', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


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
