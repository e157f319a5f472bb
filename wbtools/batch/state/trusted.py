"""Which exports of a batch hold maps that failed their trust checks, as their own records say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wbtools.batch.state.published import place
from wbtools.batch.state.records import read_text
from wbtools.output.ownership import PROVENANCE
from wbtools.reading.record import section

_READERS = 16
"""Threads that read records: on a network file system, asking takes long and costs nothing."""


def trust_of(out: Path, subjects: Sequence[str]) -> dict[str, bool]:
    """Whether all maps of exports passed their trust checks; those without a word of it on record are left out.

    Parameters
    ----------
    out : Path
        The folder of exports.
    subjects : sequence of str
        Of whom there are exports.
    """
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(lambda subject: _passed(place(out, subject) / PROVENANCE), subjects)
        return {subject: passed for subject, passed in zip(subjects, found, strict=True) if passed is not None}


def _passed(path: Path) -> bool | None:
    """What one record says; None if nothing, or if it cannot be read."""
    try:
        record = json.loads(read_text(path) or "{}")
        networks = section(record, "networks")
        passed = [section(networks, name, "trust").get("passed") for name in networks]
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    known = [each for each in passed if isinstance(each, bool)]
    return all(known) if known else None
