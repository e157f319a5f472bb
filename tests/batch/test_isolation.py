"""Nothing that lies in the folder of the data is run: no module, no program, whatever starts whatever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from crash_recovery import events, is_whole, wbtools
from stand_in import PROGRAM, manner

from wbtools import cli
from wbtools.batch.engines.launch import program, worker_environment
from wbtools.search_path import absolute_only, find_program, without_working_directory

CONSOLE = [str(Path(sys.executable).with_name("wbtools"))]
MODULES = ("numpy", "torch", "json", "click", "typing", "logging", "nibabel", "sitecustomize", "usercustomize")
PROGRAMS = ("wb_command", "sbatch", "squeue", "scontrol")


@pytest.fixture
def data(tmp_path):
    """A folder of data in which everything is a trap that leaves its command line in `sprung`."""
    folder = tmp_path / "data"
    (folder / "wbtools").mkdir(parents=True)
    sprung = tmp_path / "sprung"
    code = f"import sys; open({str(sprung)!r}, 'a').write(__file__ + ' ' + ' '.join(sys.orig_argv) + '\\n')\n"
    for name in MODULES:
        (folder / f"{name}.py").write_text(code)
    (folder / "wbtools" / "__init__.py").write_text(code)
    (folder / ".numba_config.yaml").write_text("cache_dir: ./pickles\n")
    for name in PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {sprung}\n")
        (folder / name).chmod(0o755)
    return folder


def run(data, *words, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    return subprocess.run([*words], cwd=data, env=environment, capture_output=True, text=True, timeout=300)


def sprung(data):
    path = data.parent / "sprung"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.slow
def test_a_batch_and_an_export_are_blind_to_the_folder_they_are_called_in(data, tmp_path):
    searched = {"PATH": f":{os.environ['PATH']}:."}
    assert run(data, *CONSOLE, "export-subject", "--help", **searched).returncode == 0
    # A subject that is not there: the settings are checked, the worker loads everything, the subject fails.
    words = ["batch", "run", "nobody", "--out", tmp_path / "out", "--null", "0", "--no-render", "--jobs", "1"]
    done = run(data, *CONSOLE, *map(str, words), **searched)
    assert done.returncode == 1 and "nobody: failed" in done.stdout, done.stdout + done.stderr
    assert sprung(data) == []
    assert not (data / "pickles").exists(), "numba keeps compiled code, and reads it, elsewhere"


def test_slurms_programs_are_not_taken_from_the_folder_of_the_data(data, tmp_path):
    words = wbtools("run", "a", "--out", tmp_path / "out", "--engine", "slurm", "--other", manner(0))
    done = run(data, *words, PATH=":.:/nowhere")
    assert done.returncode == 3 and "no Slurm cluster" in done.stderr
    assert sprung(data) == []


def test_started_as_a_module_it_leaves_the_folder_before_it_imports_anything(data):
    (data / "wbtools" / "__init__.py").unlink()  # Python itself would take that one for the program
    (data / "wbtools").rmdir()
    done = run(data, sys.executable, "-m", "wbtools.cli", "export-subject", "--help")
    assert done.returncode == 0 and "--study-folder" in done.stdout
    assert sprung(data) == []


def test_an_empty_entry_of_pythonpath_reaches_no_child(data, tmp_path):
    out = tmp_path / "out"
    words = ["batch", "run", "a", "--out", str(out), "--other", manner(0), "--threads", "1"]
    lasting = tmp_path / "lasting"
    lasting.mkdir()
    # The first process belongs to the user, whose PYTHONPATH it is; -I spares it the traps.
    done = run(data, sys.executable, "-I", str(PROGRAM), *words, PYTHONPATH=f"{lasting}::.:")
    assert done.returncode == 0, done.stderr
    assert is_whole(out, "a") and len(events(out, "a")) == 2
    assert sprung(data) == []


def test_a_worker_is_started_by_its_path_where_python_knows_no_safer_way(data):
    by_path = [sys.executable, str(Path(cli.__file__).with_name("__main__.py")), "batch"]
    for words in (program(), by_path):
        done = run(data, *words, "worker", "--help")
        assert done.returncode == 0 and "Work through subjects" in done.stdout, done.stderr
    assert sprung(data) == []


def test_folders_that_are_named_in_full_stay_on_the_search_paths(monkeypatch, tmp_path):
    assert absolute_only(":/a:b:.:/c:") == "/a:/c"
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:")
    monkeypatch.setenv("LD_LIBRARY_PATH", ":")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "cache")
    made = worker_environment()
    assert made["PYTHONPATH"] == str(tmp_path) and "LD_LIBRARY_PATH" not in made and "PYTHONPYCACHEPREFIX" not in made
    kept = {"PYTHONHOME": "/usr", "NUMBA_CACHE_DIR": "/cache"}
    assert without_working_directory(kept) == kept


def test_a_program_is_found_on_the_path_and_never_beside_the_data(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    for folder in (tmp_path, tmp_path / "bin"):
        (folder / "tool").write_text("#!/bin/sh\n")
        (folder / "tool").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ":.:bin")
    assert find_program("tool") is None
    monkeypatch.setenv("PATH", f":{tmp_path}/bin")
    assert find_program("tool") == f"{tmp_path}/bin/tool"
    assert find_program("./tool") == "./tool", "who names a folder means it"
