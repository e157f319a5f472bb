"""The page of an evaluation: one HTML file that needs nothing else, neither network nor scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from wbtools.evaluating.findings import Findings, Section
from wbtools.reading.inline import address

_TEMPLATE = "page.html"


@dataclass(frozen=True)
class Heading:
    """What stands above and below the findings.

    Parameters
    ----------
    title, subtitle : str
    notices : tuple of str
        What every reader has to know.
    footer : str
    """

    title: str
    subtitle: str
    notices: tuple[str, ...]
    footer: str


def page(heading: Heading, findings: Findings, more: Sequence[Section], drawings: Mapping[str, bytes]) -> str:
    """The page, as text.

    Parameters
    ----------
    heading : Heading
    findings : Findings
    more : sequence of Section
        Behind those of the findings.
    drawings : mapping of str to bytes
        SVG, by the names of figures.
    """
    from jinja2 import Environment, StrictUndefined

    source = resources.files("wbtools.evaluating").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made: str = environment.from_string(source).render(
        title=heading.title,
        subtitle=heading.subtitle,
        notices=heading.notices,
        footer=heading.footer,
        findings=findings,
        sections=(*findings.sections, *more),
        pictures={name: address(content, "image/svg+xml") for name, content in drawings.items()},
    )
    return made
