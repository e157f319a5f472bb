"""A methods text from an export's record: which paragraphs it has, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wbtools.errors import InputError
from wbtools.report.methods import about_network, about_person, about_software, about_trust
from wbtools.report.methods.bibliography import bibliography
from wbtools.report.methods.dialects import Paragraph, Sentence, in_latex, markdown, used
from wbtools.report.methods.lookup import Part
from wbtools.text import line


@dataclass(frozen=True)
class MethodsText:
    """The same text thrice.

    Parameters
    ----------
    markdown : str
        With citations by author and year, and a list of references.
    latex : str
        Paragraphs that cite by `cite`, without a preamble; ASCII but for names in other scripts.
    bibtex : str
        The entries of what is cited, no others.
    """

    markdown: str
    latex: str
    bibtex: str


def methods_text(record: Mapping[str, object], network: str | None = None) -> MethodsText:
    r"""Write the methods of an export in the past tense, to be pasted into a paper.

    Nothing but the record is read. What it lacks, because of its version or of the settings, is not mentioned, and only
    what a sentence needs is cited.

    Parameters
    ----------
    record : mapping
        The parsed `provenance.json` of an export.
    network : str, optional
        The only network to be described; all without.

    Raises
    ------
    InputError
        If the record has no such network.

    Examples
    --------
    >>> record = {"wbtools": "0.1.0", "subject": {"id": "p0", "layout": "freesurfer"}, "networks": {"unet": {}}}
    >>> text = methods_text(record)
    >>> print(text.latex[:37])
    \paragraph{Data.} The brain of ``p0''
    >>> "@article{fischl2012," in text.bibtex, "glasser2013" in text.bibtex
    (True, False)
    """
    whole = Part(record)
    paragraphs = tuple(_paragraphs(whole, _chosen(whole, network)))
    works = used(paragraphs, bibliography(whole.text("wbtools")))
    entries = "\n".join(work.bibtex(key) for key, work in works.items())
    return MethodsText(markdown(paragraphs, works), in_latex(paragraphs), entries)


def _chosen(record: Part, network: str | None) -> dict[str, Part]:
    """The networks that are described, by name."""
    known = record.at("networks")
    if network is not None and network not in known.values:
        there = ", ".join(line(name, 80) for name in known.values) or "none"
        raise InputError(f"the record has no network {line(network, 80)}", hint=f"choose one of: {there}")
    return {name: known.at(name) for name in known.values if network in (None, name)}


def _paragraphs(record: Part, networks: Mapping[str, Part]) -> Iterator[Paragraph]:
    parts = tuple(networks.values())
    yield from _paragraph("Data", about_person.person(record))
    yield from _paragraph("Brain extraction", about_person.brain(record))
    yield from _paragraph("Status of data and network", about_person.warnings(record, parts))
    yield from _paragraph("Regions", about_person.regions(record))
    for name, part in networks.items():
        yield from _of_network(part, _of_several(name, networks), record.at("pairs_of_regions", name))
    yield from _paragraph("Face removal", about_person.face(record))
    yield from _paragraph("Software", about_software.software(record, parts))
    yield from _paragraph("Use", about_software.use(record))
    yield from _paragraph("Acknowledgement", about_software.thanks(record))
    for name, part in networks.items():
        yield from _paragraph(f"Rules{_of_several(name, networks)}", about_network.rules(part))


def _of_several(name: str, networks: Mapping[str, Part]) -> str:
    """What a heading adds where there are several networks."""
    return f" ({line(name, 80)})" if len(networks) > 1 else ""


def _of_network(part: Part, about: str, pairs: Part) -> Iterator[Paragraph]:
    yield from _paragraph(f"Network{about}", (*about_network.network(part), *about_network.decision(part)))
    explained = (*about_network.explanation(part), *about_network.pairs(pairs), *about_network.second(part))
    yield from _paragraph(f"Explanation{about}", explained)
    yield from _paragraph(f"Randomised networks{about}", about_trust.calibration(part))
    second = about_trust.checks(part.at("also", "trust"), "The second map")
    yield from _paragraph(f"Checks of the map{about}", (*about_trust.checks(part.at("trust")), *second))


def _paragraph(heading: str, sentences: Iterable[Sentence]) -> Iterator[Paragraph]:
    kept = tuple(sentences)
    if kept:
        yield Paragraph(heading, kept)
