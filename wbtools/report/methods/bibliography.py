"""All works that a methods text may cite, by key.

A work is cited where a sentence that a record calls for names it, and listed if and only if it is cited: what a record
does not tell of is not in its bibliography. A new work is an entry of one of the tables of this package.
"""

from __future__ import annotations

from collections.abc import Mapping

from wbtools.report.methods import architecture_papers, explanation_papers, imaging_papers, statistics_papers
from wbtools.report.methods.paper import Paper

OWN = "wbtools"
"""The key of wbtools itself, whose entry names the record's version."""

PAPERS: Mapping[str, Paper] = {
    **imaging_papers.PAPERS,
    **architecture_papers.PAPERS,
    **explanation_papers.PAPERS,
    **statistics_papers.PAPERS,
}


def bibliography(version: str) -> dict[str, Paper]:
    """All works, wbtools among them.

    Parameters
    ----------
    version : str
        Of wbtools; may be empty.

    Examples
    --------
    >>> bibliography("0.1.0")["wbtools"].fields["note"]
    'Version 0.1.0'
    """
    note = {"note": f"Version {version}"} if version else {}
    own = Paper(
        "misc",
        ("{The wbtools developers}",),
        "wbtools: network relevance on one person's brain, as a finished Connectome Workbench session",
        "",
        {**note, "url": "https://github.com/wbtools/wbtools"},
    )
    return {**PAPERS, OWN: own}
