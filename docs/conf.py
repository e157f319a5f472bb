"""Sphinx configuration: the pages in Markdown, and the API reference made from the docstrings."""

import re
from typing import Any

from wbtools import __version__

project = "wbtools"
copyright = "the wbtools authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
myst_heading_anchors = 3  # links to a heading, as GitHub makes them
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
exclude_patterns = ["_build"]
suppress_warnings = ["autodoc", "autodoc.import_object"]  # type aliases have no signature

html_title = "wbtools"
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navigation_depth": 3,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_static_path = ["_static"]
html_css_files = ["width.css"]
html_sidebars = {"index": [], "changes": []}
html_show_sourcelink = False

_BETWEEN_BARS = re.compile(r"\|(?=[^\s|])([^|`]*[^\s|`])\|")


def _keep_bars(app: object, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Keep |x| in docstrings an absolute value; reStructuredText would take it for a substitution."""
    lines[:] = [line if line.lstrip().startswith(">>>") else _BETWEEN_BARS.sub(r"\\|\1\\|", line) for line in lines]


def setup(app: Any) -> None:
    """Connect to autodoc, before numpydoc does."""
    app.connect("autodoc-process-docstring", _keep_bars, priority=100)
