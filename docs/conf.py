"""Sphinx configuration: the pages in Markdown, and the API reference made from the docstrings."""

import re
from typing import Any

from wbtools import __version__

project = "wbtools"
copyright = "the wbtools authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_gallery.gen_gallery"]
myst_heading_anchors = 3  # links to a heading, as GitHub makes them
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
exclude_patterns = ["_build", "examples"]
suppress_warnings = ["autodoc", "autodoc.import_object"]  # type aliases have no signature

sphinx_gallery_conf = {
    "examples_dirs": "_build/gallery",  # docs/examples beside their data, as gallery_data.py lays them
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "run_stale_examples": True,  # what they show depends on wbtools, too
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_signature": False,
}

html_title = "wbtools"
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navigation_depth": 3,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
if tags.has("site"):  # noqa: F821 (of Sphinx) - pages that will lie beside those of other versions, by versions.py
    html_theme_options |= {
        "navbar_end": ["version-switcher", "theme-switcher"],
        "switcher": {"json_url": "../switcher.json", "version_match": version},  # from the root of this version's pages
        "check_switcher": False,  # the list is written afterwards
        "show_version_warning_banner": True,
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
