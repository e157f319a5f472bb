"""Sphinx: these pages, and the reference made from the docstrings."""

project = "wbtools"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
myst_heading_anchors = 3  # links to a heading, as GitHub makes them
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_typehints = "none"
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Network relevance on one person's brain, in Connectome Workbench"}
suppress_warnings = ["autodoc", "autodoc.import_object"]  # type aliases have no signature
