"""Which of the mappings in a checkpoint holds the network's weights, and under which names.

People save a state dict bare, or under a key beside what training needs; wrapped networks (DataParallel, Lightning,
torch.compile, weight averaging) put a prefix before every name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ORDER = (
    "model_state_dict",
    "state_dict",
    "model_state",
    "model",
    "network",
    "net",
    "module",
    "weights",
    "params",
    "student",
    "ema",
    "model_ema",
    "ema_state_dict",
)
"""Keys whose mapping is taken first where several hold a network; weights as trained before their averages."""

_WRAPPED = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What torch.compile and others put into names, at any place."""

_COUNTED = ("n_averaged",)
"""What averaging leaves beside the weights, under these names."""

_DEPTH = 3  # mappings within mappings that are looked at


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mapping that could be a network's state dict.

    Parameters
    ----------
    keys : tuple of str
        The way to it from the file's content; empty for the content itself.
    state : mapping
        From names, as the network has them, to tensors.
    prefix : str
        What was taken off every name.
    """

    keys: tuple[str, ...]
    state: Mapping[str, Any]
    prefix: str = ""

    @property
    def place(self) -> str:
        """Where it is, in words.

        Examples
        --------
        >>> Candidate(("checkpoint", "ema"), {}, "module.").place
        "checkpoint > ema, 'module.' taken off"
        """
        where = " > ".join(self.keys) or "the file itself"
        return where + (f", '{self.prefix}' taken off" if self.prefix else "")

    @property
    def rank(self) -> tuple[int, ...]:
        """Its place among several: the less, the sooner."""
        return tuple(ORDER.index(key) if key in ORDER else len(ORDER) for key in self.keys)


def candidates(content: Any, is_tensor: Callable[[Any], bool]) -> list[Candidate]:
    """The mappings in a file's content that hold tensors only, those of the preferred keys first.

    Parameters
    ----------
    content : Any
    is_tensor : callable

    Examples
    --------
    >>> file = {"epoch": 3, "net": {"module.a": 1.5, "module.b": 2.5, "n_averaged": 7.0}}
    >>> (found,) = candidates(file, lambda value: isinstance(value, float))
    >>> found.keys, found.state, found.prefix
    (('net',), {'module.a': 1.5, 'module.b': 2.5}, '')
    """
    found = [
        Candidate(keys, {str(key): value for key, value in state.items() if key not in _COUNTED})
        for keys, state in _mappings(content, (), _DEPTH)
        if state and all(isinstance(key, str) for key in state) and all(map(is_tensor, state.values()))
    ]
    return sorted(found, key=lambda candidate: candidate.rank)


def _mappings(content: Any, keys: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """All mappings within a few steps."""
    if isinstance(content, Mapping):
        yield keys, content
        inside = list(content.items())
    elif isinstance(content, (list, tuple)) and len(content) < 16:
        inside = list(enumerate(content))
    else:
        return
    if depth > 1:
        for key, value in inside:
            if isinstance(value, (Mapping, list, tuple)):
                yield from _mappings(value, (*keys, str(key)), depth - 1)


def under_names(candidate: Candidate) -> Iterator[Candidate]:
    """The same tensors under the names they may have in the network: as they are, then without common prefixes.

    Examples
    --------
    >>> [one.prefix for one in under_names(Candidate((), {"model.net.a.w": 1, "model.net.b": 2}))]
    ['', 'model.', 'model.net.']
    """
    state = {_WRAPPED.sub("", key): value for key, value in candidate.state.items()}
    if len(state) < len(candidate.state):
        return
    prefix = ""
    while True:
        yield Candidate(candidate.keys, state, prefix)
        first = {key.partition(".")[0] for key in state}
        if len(first) != 1 or not all("." in key for key in state):
            return
        (common,) = first
        prefix += f"{common}."
        state = {key[len(common) + 1 :]: value for key, value in state.items()}
