"""Recipes for packages, containers and CI say what setup.cfg and the README say."""

from __future__ import annotations

import configparser
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from setuptools import find_packages

from wbtools.version import __version__

ROOT = Path(__file__).parents[2]
OF_CONDA = {"torch": "pytorch", "isal": "python-isal"}
"""Names on conda-forge, where they are not those of PyPI in small letters."""


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_every_module_and_file_of_the_package_is_installed(setup: configparser.ConfigParser) -> None:
    packages = find_packages(str(ROOT), include=lines(setup["options.packages.find"]["include"]))
    patterns = lines(setup["options.package_data"]["wbtools"])
    files = [path for path in (ROOT / "wbtools").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    modules = {path for path in files if path.suffix == ".py"}
    of_packages = {path for path in modules if ".".join(path.parent.relative_to(ROOT).parts) in packages}
    names = {path.relative_to(ROOT / "wbtools").as_posix() for path in set(files) - modules}
    assert modules == of_packages
    assert [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []


def test_conda_recipe_requires_what_setup_requires(setup: configparser.ConfigParser) -> None:
    recipe = load("conda/recipe/recipe.yaml")
    expected = {}
    for line in lines(setup["options"]["install_requires"]):
        name, versions = re.match(r"([\w-]+)(.*)", line).groups()
        expected[OF_CONDA.get(name, name.lower())] = versions
    run = dict(line.split(" ", 1) for line in recipe["requirements"]["run"] if not line.startswith(("python ", "__")))
    assert run == expected
    assert f">={recipe['context']['python_min']}" == setup["options"]["python_requires"]
    assert recipe["context"]["version"] == __version__
    assert recipe["build"]["python"]["entry_points"] == lines(setup["options.entry_points"]["console_scripts"])


def test_workflow_runs_the_readme_s_commands_with_least_rights() -> None:
    workflow = load(".github/workflows/test.yml")
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert workflow["permissions"] == {"contents": "read"}
    assert "bash scripts/test" in [step.get("run") for step in steps]
    assert "\n    bash scripts/test\n" in (ROOT / "README.md").read_text()
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)


def test_container_recipes_leave_everything_to_one_script() -> None:
    recipes = [(ROOT / "containers" / name).read_text() for name in ("Dockerfile", "wbtools.def")]
    script = (ROOT / "containers/install").read_text()
    variables = set(re.findall(r"\$\{([A-Z_]+):", script))
    assert variables == {"TORCH_INDEX", "EXTRAS", "WORKBENCH"}
    for recipe in recipes:
        assert "sh /src/containers/install /src" in recipe
        assert not re.search(r"apt-get|pip install", recipe)
        assert variables == set(re.findall(r"^(?:ARG |    )([A-Z_]+)=", recipe, re.MULTILINE))
    default = re.search(r"\$\{TORCH_INDEX:-(\S+)\}", script).group(1)
    assert all(f"TORCH_INDEX={default}\n" in recipe for recipe in recipes)
    packed = re.search(r"cp -r (.*) \"\$scratch", script).group(1).split()
    assert {f"!{name}" for name in packed} < set(lines((ROOT / ".dockerignore").read_text()))
    assert all(re.search(rf"^    {re.escape(name)} /src/", recipes[1], re.MULTILINE) for name in packed)


def completed(words: str) -> list[str]:
    """What bash is offered after these words, and `torch` if that was imported for it."""
    code = (
        "import atexit, sys; sys.argv = ['wbtools'];"
        "atexit.register(lambda: print('\\n'.join({'torch', 'scipy', 'ants'} & set(sys.modules))));"
        "from wbtools.cli import main; main(prog_name='wbtools')"
    )
    environment = {"_WBTOOLS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_shell_completion_offers_commands_and_options_without_heavy_imports() -> None:
    assert completed("wbtools exp") == ["plain,export-subject"]
    assert completed("wbtools export-subject --me") == ["plain,--method", "plain,--mesh"]
    assert {"plain,hcp", "plain,bids"} < set(completed("wbtools export-subject --layout "))
    for words in (
        "export-subject sub",
        "classify sub",
        "compare sub-1 sub",
        "batch run sub",
        "export-subject --other sub",
    ):
        assert completed(f"wbtools {words}") == ["file,sub"]
    assert completed("wbtools export-subject --target pai") == ["plain,pair"]
    assert completed("wbtools export-subject --subcortex di") == ["file,di"]
    assert completed("wbtools train tw") == ["plain,twins"]


def test_bash_takes_the_completion_script(tmp_path: Path) -> None:
    (tmp_path / "wbtools").write_text(f'#!/bin/sh\nexec {sys.executable} -m wbtools.cli "$@"\n')
    (tmp_path / "wbtools").chmod(0o755)
    script = (
        'eval "$(_WBTOOLS_COMPLETE=bash_source wbtools)"; complete -p wbtools;'
        'COMP_WORDS=(wbtools dem); COMP_CWORD=1; _wbtools_completion wbtools; echo "${COMPREPLY[@]}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == ["wbtools", "demo-subject"], done.stderr


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, ROOT / "scripts/man", folder], check=True, capture_output=True)
    return folder


def test_every_command_has_a_man_page(manual: Path) -> None:
    from wbtools.cli import main

    assert {f"wbtools-{name}.1" for name in main.list_commands(None)} < {file.name for file in manual.iterdir()}
    page = (manual / "wbtools-export-subject.1").read_text()
    assert r"\fB\-\-study\-folder DIR\fR" in page
    assert r"\fB\-h, \-\-help\fR" in page
    assert (manual / "wbtools-batch-run.1").exists()
    app = (manual / "wbtools-bids.1").read_text()
    assert ".SH ARGUMENTS\n.TP\n\\fBBIDS_DIR\\fR" in app and r"\fB\-h, \-\-help\fR" in app


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_groff_sets_every_man_page_without_a_warning(manual: Path) -> None:
    for file in manual.iterdir():
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", file], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), file.name


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-c", READ_ONLY]


def test_a_numba_cache_that_may_only_be_read_is_used_and_its_copy_goes(tmp_path: Path) -> None:
    cache, temporary = tmp_path / "cache", tmp_path / "tmp"
    cache.mkdir()
    temporary.mkdir()
    if subprocess.run([*NAMESPACE, cache, "true"], capture_output=True).returncode:
        pytest.skip("needs mount namespaces")
    code = "from wbtools.surfaces.ribbon.rasterising import _ones;print(_ones(11), *_ones.stats.cache_hits.values())"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "TMPDIR": str(temporary)}
    run = [sys.executable, "-c", code]
    first = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    second = subprocess.run([*NAMESPACE, cache, *run], env=environment, capture_output=True, text=True, check=True)
    assert (first.stdout.split(), second.stdout.split()) == (["3"], ["3", "1"])
    assert list(cache.iterdir()) and not list(temporary.iterdir())
