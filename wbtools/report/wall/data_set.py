"""What a folder of exports is called: among a data set's derivatives, `wbtools` is no name."""

from __future__ import annotations

import json
from pathlib import Path

from wbtools.text import line

_OWN, _AMONG = "wbtools", "derivatives"
_DESCRIPTION = "dataset_description.json"
_LARGEST = 1 << 20
"""Bytes of a description."""


def called(root: Path) -> str:
    """The name of a folder of exports, or of the data set among whose derivatives it is wbtools' own."""
    whole = root.resolve()
    data = whole.parent.parent
    if whole.name != _OWN or whole.parent.name != _AMONG or data == whole.parent:
        return whole.name
    return _described(data / _DESCRIPTION) or data.name or whole.name


def _described(path: Path) -> str:
    """The name in a data set's description; empty if that cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    name = content.get("Name") if isinstance(content, dict) else None
    return line(name) if isinstance(name, str) else ""
