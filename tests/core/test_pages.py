"""The pages name what is there: files, modules and options."""

import re
from pathlib import Path

import click
import pytest
from test_architecture import LEVELS

from wbtools.cli import main

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
CONTRIBUTING = REPOSITORY / "CONTRIBUTING.md"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "modules" not in page.parts and "_build" not in page.parts)


def options_of(*words: str) -> set[str]:
    command, context = main, click.Context(main)
    for word in words:
        command = command.get_command(context, word)
    shown = [found for found in command.params if not getattr(found, "hidden", False)]
    return {name for found in shown for name in found.opts if name.startswith("--")} - {"--help"}


LEARNING = [("prepare",), ("train",), ("evaluate",)]
BATCH = ("run", "status", "retry", "verify", "cancel", "clean", "script", "report")
ASKING = [("compare",), ("classify",), ("index",), ("query",)]


@pytest.mark.parametrize("page", [*PAGES, REPOSITORY / "README.md", CONTRIBUTING], ids=lambda page: page.stem)
def test_links_of_a_page_lead_to_files_that_are_there(page):
    linked = re.findall(r"\]\((?!https?:|project:|#)([^)#\s]+)", page.read_text())
    assert [name for name in linked if not (page.parent / name).is_file()] == []
    made = re.findall(r"\]\(project:/?gallery/([^)#\s]+)\.rst\)", page.read_text())
    assert [name for name in made if name != "index" and not (DOCS / "examples" / f"{name}.py").is_file()] == []
    assert page.read_text().count("](project:") == len(made), "only pages of the gallery are not files"


def test_every_page_but_the_first_is_linked_from_a_table_of_contents():
    listed = {
        (index.parent / f"{name}.md").resolve()
        for index in PAGES
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(), re.DOTALL)
        for name in block.split("\n")
        if name and not name.startswith(":")
    }
    assert {page.resolve() for page in PAGES} - listed == {(DOCS / "index.md").resolve()}


def test_the_page_for_contributors_names_files_and_registries_that_are_there():
    text = CONTRIBUTING.read_text()
    named = set(re.findall(r"`((?:wbtools|tests|docs)/[\w/.]*)`", text))
    assert len(named) > 20
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()
    registries = re.findall(r"`([A-Z_]+)`\s+\(`(wbtools/[\w/.]+)`\)", text)
    assert len(registries) > 4
    for name, place in registries:
        assert re.search(rf"^{name}\b.* = ", (REPOSITORY / place).read_text(), re.MULTILINE), (name, place)


def test_the_way_of_a_voxel_leads_through_modules_that_are_there():
    named = re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", (DOCS / "how-a-voxel-travels.md").read_text())
    places = [REPOSITORY / "wbtools" / name.replace(".", "/") for name in named]
    assert len(places) > 20
    assert [place for place in places if not place.is_dir() and not place.with_suffix(".py").is_file()] == []


@pytest.mark.parametrize(
    ("page", "commands"),
    [
        (
            "command-line",
            [("export-subject",), ("report",), ("pack",), ("make-references",), ("reconstruct",), *LEARNING, *ASKING],
        ),
        ("group", [("group",)]),
        (
            "batch",
            [("batch", word) for word in ("run", "status", "retry", "verify", "cancel", "clean", "script", "report")],
        ),
    ],
)
def test_a_page_of_the_reference_names_every_option_of_its_commands(page, commands):
    text = (DOCS / "reference" / f"{page}.md").read_text()
    shared = options_of("export-subject") if page == "batch" else set()
    known = set().union(*(options_of(*words) for words in commands))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))
    assert (known - shared) - named == set()


def test_pages_for_users_name_no_option_that_does_not_exist():
    names = [
        ("export-subject",),
        ("report",),
        ("group",),
        ("doctor",),
        ("reconstruct",),
        ("demo-subject",),
        ("models",),
        ("models", "convert"),
        ("make-references",),
        ("pack",),
        ("prepare",),
        ("train",),
        ("evaluate",),
        *ASKING,
    ]
    names += [("batch", word) for word in BATCH]
    known = {"--help", "--version"}.union(*(options_of(*words) for words in names))
    lines = [
        line
        for page in PAGES
        if page.parts[-2] in ("tutorials", "how-to", "reference")
        for line in page.read_text().replace("\\\n", " ").splitlines()
        if re.match(r" {4}(?:\$ )?wbtools ", line)
    ]
    assert len(lines) > 30
    assert {name for line in lines for name in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", line)} <= known


def test_the_levels_of_the_page_on_architecture_are_those_that_are_tested():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(LEVELS) + 1))
    assert [set(re.findall(r"`([a-z_]+)/?`", names)) for _, names in rows] == list(LEVELS)
