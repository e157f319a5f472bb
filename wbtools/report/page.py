"""A page: one HTML file that needs nothing else, neither the network nor scripts."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from wbtools.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

GENERATOR = f"wbtools {__version__}"
"""Says in a page's head which program wrote it."""

NOTICE = "Research use only. Not for diagnosis."

_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)


@dataclass(frozen=True)
class Page:
    """What every page has.

    Parameters
    ----------
    title : str
    notices : sequence of str
        What every reader must know.
    sections : sequence of (str, str)
        Place in the page and name of every section, for the list above them.
    footer : str
    """

    title: str
    notices: Sequence[str]
    sections: Sequence[tuple[str, str]]
    footer: str = f"Written by {GENERATOR}. {NOTICE}"


def render(template: str, page: Page, content: Mapping[str, object]) -> str:
    """A page as text; what templates get is escaped.

    Parameters
    ----------
    template : str
        A file of `assets/` that extends `base.html`.
    page : Page
    content : mapping of str to object
        What the template names.
    """
    from markupsafe import Markup

    fixed = {
        "policy": Markup(_POLICY),
        "generator": GENERATOR,
        "style": Markup(asset("style.css")),
        "script": Markup(asset("tables.js")),
    }
    shown = {"title": page.title, "notices": page.notices, "sections": page.sections, "footer": page.footer}
    made: str = _environment().get_template(template).render({**fixed, **shown, **content})
    return made


def prepare() -> None:
    """Compile all templates, for whoever makes many pages."""
    for file in resources.files("wbtools.report").joinpath("assets").iterdir():
        if file.name.endswith(".html"):
            _environment().get_template(file.name)


def asset(name: str) -> str:
    """A file of `assets/`, as text."""
    return resources.files("wbtools.report").joinpath("assets", name).read_text(encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
