"""A methods text made from an export's record alone, in Markdown, LaTeX and BibTeX."""

from __future__ import annotations

from wbtools.report.methods.paragraphs import MethodsText, methods_text

__all__ = ["MethodsText", "methods_text"]
