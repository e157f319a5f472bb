"""Sentences on the software, and on what results are for."""

from __future__ import annotations

from collections.abc import Iterator

from wbtools.report.methods.bibliography import OWN
from wbtools.report.methods.cited_for import METHODS
from wbtools.report.methods.dialects import Piece, Sentence, cite
from wbtools.report.methods.lookup import Part

_LIBRARIES = {"numpy": ("NumPy", "harris2020"), "torch": ("PyTorch", "paszke2019"), "nibabel": ("NiBabel", "")}
"""Those that every export needs: their names in texts, and the works on them."""


def software(record: Part, networks: tuple[Part, ...]) -> Iterator[Sentence]:
    """Which versions computed and drew."""
    own, versions = record.text("wbtools"), record.at("versions")
    python = versions.text("python")
    pieces: list[Piece] = [f"The analysis was made with wbtools {own}".rstrip(), cite(OWN)]
    if python:
        pieces.append(f" in Python {python}")
    names = [*_LIBRARIES, *(library for library in ("zennit",) if library in _computing(networks))]
    known = [name for name in names if versions.text(name) not in ("", "missing")]
    for position, name in enumerate(known):
        named, work = _LIBRARIES.get(name, (name, ""))
        before = " with " if not position else " and " if position == len(known) - 1 else ", "
        pieces += [f"{before}{named} {versions.text(name)}", cite(*filter(None, [work]))]
    yield (*pieces, ".")
    workbench, renderer = record.text("workbench"), _renderer(record)
    if renderer == "wbtools":
        yield ("Pictures were drawn by wbtools itself.",)
    if workbench and renderer == "Workbench":
        yield (f"Pictures were drawn by Connectome Workbench {workbench}", cite("marcus2011"), ".")
    elif workbench and record.at("settings").text("engine") == "wb_command":
        yield (f"Connectome Workbench had version {workbench}.",)


def _computing(networks: tuple[Part, ...]) -> set[str]:
    """The libraries that computed maps."""
    maps = [each.at(*place) for each in networks for place in (("attribution",), ("also", "attribution"))]
    methods = (METHODS.get(found.text("method")) for found in maps)
    return {described.library for described in methods if described}


def _renderer(record: Part) -> str:
    """Who drew pictures; in records that do not say it, Workbench drew those that are listed."""
    if said := record.at("pictures").text("renderer"):
        return said
    ran = any("-show-scene" in command.texts("argv") for command in record.parts("commands"))
    listed = any(name.startswith("figures/") for name in record.at("outputs_sha256").values)
    return "Workbench" if ran or listed else ""


def use(record: Part) -> Iterator[Sentence]:
    """What results are not for."""
    yield ("Results are for research use only, not for diagnosis; a network's answer is not a fact about a person.",)


def thanks(record: Part) -> Iterator[Sentence]:
    """What the authors of the atlas ask to be said."""
    words = record.text("acknowledgement")
    if words:
        yield ("The following is about the atlas and the group average surfaces, not about the person analysed:",)
        yield (words,)
    for source in record.at("atlas").parts("label_sources"):
        if said := source.text("acknowledgement"):
            yield (said,)
