"""The gallery's examples use what is public, say whose brain they show, and name the commands that made their data."""

import ast
import doctest
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_pages import DOCS, options_of

import wbtools

EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
DOCUMENTED = ("wbtools.group",)
"""Packages beside `wbtools` itself whose names pages tell users to import."""

example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


def tool(name):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(text):
    return re.findall(r"(?:^ {4}|[;&] |do )wbtools ([^;\n]+)", text, re.MULTILINE)


def test_there_are_examples():
    assert len(EXAMPLES) >= 5
    assert all(path.name.startswith("plot_") for path in EXAMPLES), "sphinx-gallery runs these only"


@example
def test_an_example_imports_only_what_is_public(path):
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            assert not [each.name for each in node.names if each.name.startswith("wbtools.")]
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "wbtools":
            assert node.module in DOCUMENTED
            assert {each.name for each in node.names} <= set(importlib.import_module(node.module).__all__)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "wbtools":
            assert node.attr in wbtools.__all__


def test_packages_that_examples_import_from_are_named_in_a_page():
    pages = "".join(path.read_text() for path in (DOCS / "how-to").glob("*.md"))
    assert [name for name in DOCUMENTED if f"from {name} import" not in pages] == []


@example
def test_an_example_says_first_that_nobody_is_shown_and_that_the_network_is_not_for_science(path):
    said = " ".join(ast.get_docstring(ast.parse(path.read_text())).split())
    assert re.search(r"made[- ]up", said)
    assert "group-average anatomy" in said
    assert re.search(r"not a person|no persons", said)
    assert "not for science" in said


@example
def test_every_figure_of_an_example_says_that_it_is_made_up(path):
    text = path.read_text()
    figures = len(re.findall(r"plt\.(?:subplots|figure)\(", text))
    assert figures >= 1
    drawn = re.findall(r"(?:suptitle\(|title=)\s*\"([^\"]*)\"", text)
    assert sum(bool(re.search("made[- ]up", words)) for words in drawn) == figures


@example
def test_the_commands_of_an_example_are_those_that_make_the_data_of_the_gallery(path):
    given = commands(ast.get_docstring(ast.parse(path.read_text())))
    assert given
    for words in given:
        command = tuple(words.split()[: 2 if words.startswith("batch") else 1])
        assert set(re.findall(r"--[a-z-]+", words)) <= options_of(*command) | options_of("export-subject")
        assert words.startswith("demo-subject study") or words in tool("gallery_data").EXPORTS


def test_the_links_of_a_built_site_are_checked(tmp_path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "picture.png").touch()
    (tmp_path / "index.html").write_text('<p id="top"><a href="a%20b/">b</a><a href="#top">up</a><a href="//x.org/y">')
    page = tmp_path / "a b" / "index.html"
    page.write_text('<h1 id="h"></h1><img src="picture.png" srcset="picture.png 1x"><a href="../index.html#top">')
    run = [sys.executable, DOCS / "check_links.py", tmp_path]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout.startswith("No broken link")
    page.write_text(
        '<img src="gone.png" srcset="big.png 2x"><a href="../index.html#gone"><a href="../../x"><a href="#h">'
    )
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert sorted(done.stdout.splitlines()) == [
        "a b/index.html: #h (no such anchor)",
        "a b/index.html: ../../x (leads out of the site)",
        "a b/index.html: ../index.html#gone (no such anchor)",
        "a b/index.html: big.png (no such file)",
        "a b/index.html: gone.png (no such file)",
    ]


def test_versions_lie_side_by_side_and_the_newest_release_is_preferred(tmp_path):
    versions = tool("versions")
    for number in ("0.9.0", "0.10.0", "0.11.0rc1", "0.9.0"):
        built = tmp_path / "built"
        built.mkdir(exist_ok=True)
        (built / "index.html").write_text(f"pages of {number}")
        (built / ".buildinfo").touch()
        versions.add(built, tmp_path / "site", number)
    (tmp_path / "site" / "somebody's").mkdir()
    assert versions.listed(tmp_path / "site") == ["0.11.0rc1", "0.10.0", "0.9.0"]
    versions.list_versions(tmp_path / "site", "https://x.org/docs/")
    told = versions.entries(versions.listed(tmp_path / "site"), "https://x.org/docs/")
    assert [each["version"] for each in told if each["preferred"]] == ["0.10.0"]
    assert told[2]["url"] == "https://x.org/docs/0.9.0/"
    assert 'href="0.10.0/index.html"' in (tmp_path / "site" / "index.html").read_text()
    assert (tmp_path / "site" / "0.9.0" / "index.html").read_text() == "pages of 0.9.0"
    assert {path.name for path in (tmp_path / "site").iterdir()} == {
        *("0.9.0", "0.10.0", "0.11.0rc1", "somebody's"),
        *("index.html", "switcher.json"),
    }


@pytest.mark.parametrize("name", ["check_links", "versions"])
def test_what_the_docstrings_of_the_documentations_tools_show_is_so(name):
    failed, tried = doctest.testmod(tool(name))
    assert (failed, tried > 0) == (0, True)


def test_scripts_docs_refuses_what_it_does_not_know():
    script = Path(DOCS.parent / "scripts" / "docs")
    for words in (["--frsh"], ["--site"]):
        done = subprocess.run(["bash", script, *words], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr.startswith("Error: ")) == (2, True)
    assert "--links" in subprocess.run(["bash", script, "--help"], check=True, capture_output=True, text=True).stdout
