"""Labels that classes can be made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.items import Item
from wbtools.datasets.split import TWIN
from wbtools.errors import InputError

_MOST_CLASSES = 50


def usable_labels(items: Sequence[Item]) -> tuple[str, ...]:
    """Names of the labels that classes can be made of: every image has one, several values occur, none only once.

    Examples
    --------
    >>> labels = [{"age": str(row), "sex": "MF"[row % 2], "site": "A"} for row in range(4)]
    >>> usable_labels([Item(row, f"p{row}", f"p{row}.nii.gz", labels=each) for row, each in enumerate(labels)])
    ('sex',)
    """
    counts = {name: Counter(item.labels.get(name, "") for item in items) for name in items[0].labels if name != TWIN}
    return tuple(name for name, found in counts.items() if not found[""] and len(found) > 1 and min(found.values()) > 1)


def require_classes(candidates: Sequence[Candidate]) -> None:
    """Require a label that tells images apart.

    Raises
    ------
    InputError
        If there is none, or each has the same value for everybody.
    """
    names = dict.fromkeys(name for each in candidates for name in each.item.labels if name != TWIN)
    values = {name: {each.item.labels.get(name, "") for each in candidates} - {""} for name in names}
    values = {name: found for name, found in values.items() if found}
    if not values:
        raise InputError(
            "nothing is known of these images that could be learned: they have no labels",
            hint="put participants.tsv beside them, or name a table with --labels",
        )
    if not any(2 <= len(found) <= max(_MOST_CLASSES, len(candidates) // 2) for found in values.values()):
        said = ", ".join(f"{name} is {min(found)}" for name, found in values.items() if len(found) == 1)
        raise InputError(
            f"there is one class only: {said} for everybody" if said else "no label has the same value twice",
            hint="give images of two classes at least",
        )
