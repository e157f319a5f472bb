"""What the files of a run hold, checked before anything is taken from them: anybody may have changed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RECORD: Mapping[str, type] = {
    "recipe": str,
    "backbone": str,
    "settings": dict,
    "options": dict,
    "references": str,
    "split": dict,
    "data_sha256": str,
    "init_sha256": str,
    "threads": int,
    "torch": str,
}
_STATE: Mapping[str, tuple[type, ...]] = {
    "epoch": (int,),
    "taken": (int,),
    "learner": (dict,),
    "average": (dict, type(None)),
    "stepper": (dict,),
    "selection": (dict,),
    "task": (dict,),
}
_EPOCH: Mapping[str, type] = {"epoch": int, "train": dict, "val": dict, "best": list}
_REFERENCES: Mapping[str, type] = {"mean": str, "components": list, "brains": list}


def wrong_in(record: Mapping[str, Any]) -> str:
    """The first key of a run's record that is missing or holds another kind of value; empty if all is well.

    Examples
    --------
    >>> wrong_in({"recipe": "twins", "backbone": 5})
    'backbone'
    """
    for name, kind in _RECORD.items():
        if type(record.get(name)) is not kind:
            return name
    if record["threads"] < 1:
        return "threads"
    finished = record.get("finished", {})
    if type(finished) is not dict or type(finished.get("best", {})) is not dict:
        return "finished"
    files = record.get("reference_files", {})
    if files != {} and not _is_references(files):
        return "reference_files"
    return ""


def _is_references(files: object) -> bool:
    """Whether a value names the files of references."""
    if not _has(files, _REFERENCES):
        return False
    return all(isinstance(name, str) for key in ("components", "brains") for name in files[key])  # type: ignore[index]


def is_state(value: object) -> bool:
    """Whether a value is what a run resumes from.

    Examples
    --------
    >>> is_state({"epoch": 1}), is_state([1])
    (False, False)
    """
    if not isinstance(value, dict):
        return False
    # Of modules the tables are ordered ones, a class of their own.
    return all(isinstance(value.get(name), kinds) for name, kinds in _STATE.items())


def is_epoch(value: object) -> bool:
    """Whether a value is a line of the log.

    Examples
    --------
    >>> is_epoch({"epoch": 1, "train": {}, "val": {}, "best": ["auc"]}), is_epoch(5), is_epoch({})
    (True, False, False)
    """
    return _has(value, _EPOCH) and all(isinstance(name, str) for name in value["best"])  # type: ignore[index]


def _has(value: object, kinds: Mapping[str, type]) -> bool:
    """Whether a value is a table with these kinds of values in it."""
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in kinds.items())
