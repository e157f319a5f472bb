"""The public Python interface: its page runs as it stands, has its names, and importing it is quick."""

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import wbtools
from wbtools.cli import main
from wbtools.errors import in_python

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
PROGRAM = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
NAMES = sorted(name for name in wbtools.__all__ if name != "__version__")


@pytest.mark.slow
def test_the_page_is_a_program_that_runs(small_study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").symlink_to(small_study("LAS"))
    found = {}
    exec(compile(PROGRAM, "docs/python.md", "exec"), found)
    said = capsys.readouterr().out
    assert said.startswith("hcp (") and "has no subject 100408" in said
    export, explanation = found["export"], found["explanation"]
    assert export.folder.absolute() == tmp_path / "out" / "100307" and (export.folder / "provenance.json").is_file()
    (ranking,) = export.rankings.values()
    shown = [
        [(row.rank, row.region, row.abs_mean) for row in rows.rows[:20]] for rows in (ranking, explanation.ranking)
    ]
    assert shown[0] == shown[1] and shown[0][0][1].name in said
    assert explanation.attribution.relevance.unit is explanation.volumes["relevance"].unit


def test_the_names_are_those_of_the_page():
    table = PAGE[PAGE.index("## Names") :]
    assert sorted(re.findall(r"`(\w+)`", table)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_there_is_described_and_hides_no_module(name):
    value = getattr(wbtools, name)
    assert name in dir(wbtools) and inspect.getdoc(value)
    package = Path(wbtools.__file__).parent
    assert not (package / name).exists() and not (package / f"{name}.py").exists()


def test_type_checkers_are_told_the_same_modules():
    tree = ast.parse(Path(wbtools.__file__).read_text())
    told = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        for alias in node.names
    }
    assert told == {name: f"wbtools.{module}" for name, module in wbtools._MODULES.items()}


@pytest.mark.parametrize("name", ["find_subject", "load_model", "explain", "export"])
def test_the_example_of_a_function_is_a_line_of_the_page_or_a_doctest(name):
    text = inspect.getdoc(getattr(wbtools, name))
    examples = re.findall(r">>> (.*)", text[text.index("Examples") :])
    skipped = [example.split("  # doctest: +SKIP")[0] for example in examples if "+SKIP" in example]
    assert examples and all(example in PROGRAM.splitlines() for example in skipped)


def test_what_is_no_name_of_it_is_no_attribute():
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = wbtools.nothing


def test_importing_it_loads_no_library():
    code = "import sys, wbtools; print(sorted({'numpy', 'torch', 'nibabel', 'scipy', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_export_that_is_there_is_replaced_by_arguments_not_options(exported, small_study):
    with pytest.raises(wbtools.WbtoolsError, match="exists already") as caught:
        wbtools.export("100307", small_study("LAS"), exported[1].parent)
    assert caught.value.hint == "add overwrite=True to replace it, or choose another out=..."


def test_every_option_that_is_a_setting_is_spelled_as_its_argument():
    settings = {field.name for field in dataclasses.fields(wbtools.ExportSettings)}
    functions = (wbtools.export, wbtools.open_batch)
    known = settings.union(*(inspect.signature(function).parameters for function in functions))
    assert {words.partition("=")[0] for words in in_python._ALL.values()} <= known
    assert in_python.spelled("use fewer --threads, not --threads-of") == "use fewer threads=..., not --threads-of"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wbtools.ExportSettings(target="pair"), "target='pair' is a str, not a Target"),
        (lambda: wbtools.ExportSettings(nulls="3"), "nulls='3' is a str, not an int"),
        (lambda: wbtools.ExportSettings(models=("a.pt",)), "models='a.pt' is a str, not a Path"),
        (lambda: wbtools.ExportSettings(work="a"), "work='a' is a str, not a Path"),
        (lambda: wbtools.ExportSettings(render="yes"), "render='yes' is a str, not a bool"),
        (lambda: wbtools.ExportSettings(keep_face=None), "keep_face=None is a NoneType, not a bool"),
        (lambda: wbtools.ExportSettings(references=None), "references=None is a NoneType, not a ReferenceChoice"),
        (lambda: wbtools.ExportSettings(method=["lrp"]), "method=['lrp'] is a list, not a str"),
        (lambda: wbtools.ExportSettings(nulls=-1), "nulls=-1 is not a number of networks"),
        (lambda: wbtools.ExportSettings(threads=0), "threads=0 is not a number of threads"),
        (lambda: wbtools.ReferenceChoice(place="x"), "place='x' is a str, not a Path"),
        (lambda: wbtools.ReferenceChoice(count="a"), "count='a' is a str, not an int"),
        (lambda: wbtools.ReferenceChoice(count=0), "count 0 is not a number of people"),
        (lambda: wbtools.ReferenceChoice(count=65), "count 65: 64 people are the most"),
        (lambda: wbtools.ReferenceChoice(name=5), "name=5 is an int, not a str"),
        (lambda: wbtools.Target("dimension", 3), "which=3 is an int, not a str"),
        (lambda: wbtools.Target("pair", "3"), "takes no '3'"),
        (lambda: wbtools.explain(None, "100307"), "model=None is a NoneType, not a Model"),
        (lambda: wbtools.explain(wbtools.load_model(), "100307"), "subject='100307' is a str, not a Subject"),
        (lambda: wbtools.find_subject(None), "subject=None does not name a folder or a file"),
        (lambda: wbtools.export(3), "subject=3 does not name a folder or a file"),
        (lambda: wbtools.export("100307", "nowhere", compared_with="100408"), "nowhere"),
    ],
)
def test_a_value_of_another_kind_is_refused_in_one_sentence(call, said):
    with pytest.raises(wbtools.WbtoolsError, match=re.escape(said)) as caught:
        call()
    assert caught.value.hint and "--" not in f"{caught.value}{caught.value.hint}"


def test_what_numpy_and_which_give_is_taken():
    assert type(wbtools.ReferenceChoice(count=np.int64(3)).count) is int
    assert wbtools.ExportSettings(wb_command="/usr/bin/wb_command").wb_command == Path("/usr/bin/wb_command")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--null", "-1"), "--null -1 is not a number of networks"),
        (("--threads", "0"), "--threads 0 is not a number of threads"),
        (("--references", "65"), "--references 65: 64 people are the most"),
        (("--target", "x"), "choose --target from embedding"),
    ],
)
def test_the_command_line_names_options_where_a_program_is_told_arguments(words, said):
    done = CliRunner().invoke(main, ["export-subject", "100307", *words])
    assert done.exit_code == 3 and said in done.output
    with pytest.raises(wbtools.WbtoolsError) as caught:  # afterwards, it is a program again
        wbtools.Target("x")
    assert caught.value.hint.startswith("choose target=... from embedding")


def test_a_group_names_the_argument_that_a_table_of_people_is_given_by(tmp_path):
    from made_cohort import write_people

    from wbtools.group import GroupSettings, analyse

    batch = wbtools.open_batch(write_people(tmp_path, ["a", "b", "c"]))
    with pytest.raises(wbtools.WbtoolsError, match=r"no participants\.tsv was found") as caught:
        analyse(batch, GroupSettings(formula="age"))
    assert caught.value.hint == "give it by participants=... of open_batch"
