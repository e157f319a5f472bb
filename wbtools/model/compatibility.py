"""Whether a network and its card belong together: checked before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import CheckpointError, InputError
from wbtools.images.diagnosis import require_file
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.files import source
from wbtools.text import lengths

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model.family import Network


FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
)
"""What torch raises where a network cannot take an image."""


def apply_card(path: Path, network: Network, card: Card, *, tried: bool = True) -> None:
    """Give a network its card, and find out whether they belong together.

    Parameters
    ----------
    path : Path
        Of the checkpoint, for messages.
    network : Network
        In evaluation mode, without values (on the device `meta`): nothing is computed.
    card : Card
    tried : bool
        Whether the network is shown an image without values: torch imports its compiler for it, which takes two or
        three seconds. A wrong number of classes is found in any case: nothing fails for want of a name.

    Raises
    ------
    CheckpointError
        If the network cannot take images of the card's shape, does not answer as the card says, or has another number
        of classes.
    """
    import torch

    try:
        network.adapt(card)
    except CheckpointError as error:
        raise error.about(path) from None
    named = not card.classes or len(card.classes) == getattr(network.architecture, "classes", None)
    if named and not tried:
        return
    image = torch.empty(1, 1, *card.shape, device="meta")
    try:
        answer = getattr(network, network.answers[0])(image)
        network(image)
    except FAILURES:
        raise CheckpointError(
            f"{path} cannot take images of {lengths(card.shape)} voxels, as its card says",
            hint=f"write the shape of its images into {cards.beside(path)}",
        ) from None
    if not isinstance(answer, torch.Tensor) or answer.ndim != 2 or len(answer) != 1:
        raise CheckpointError(
            f"{path} does not answer with one row of values for one image",
            hint="let the network return a tensor (1, E)",
        )
    if card.classes:
        _require_named(path, network, card, image)


def _require_named(path: Path, network: Network, card: Card, image: Tensor) -> None:
    """Raise CheckpointError unless every class has a name."""
    names = len(card.classes)
    count = getattr(network, "logits")(image).shape[1] if "logits" in network.answers else 0  # noqa: B009
    if count != names:
        raise CheckpointError(
            f"{path} answers with {count or 'no'} classes, its card names {names}",
            hint="name every class in the order of the network's answer, or leave them out",
        )


def reference(path: Path, card: Card) -> Path | None:
    """The reference brain that a card names, beside the file at `path`.

    Raises
    ------
    CheckpointError
        If it cannot be read, or is a link to a file that lies elsewhere than the network: whoever wrote the card would
        choose which file of the user's is read, and copied.
    """
    return _beside(path, card.reference) if card.reference else None


def reference_set(path: Path, card: Card) -> tuple[Path, ...]:
    """The files of several references that a card names, beside the file at `path`; raises what `reference` does."""
    return tuple(_beside(path, name) for name in card.reference_set)


def _beside(path: Path, name: str) -> Path:
    """A file that the card of the file at `path` names."""
    image = path.parent / name
    try:
        require_file(image)
    except InputError as error:
        hint = error.hint if source.is_closed(image) else f"{error.hint}; or leave it out of the card"
        raise CheckpointError(
            f"the reference brain that the card of {path.name} names cannot be used: {error}", hint=hint
        ) from None
    if not _lies_with(image, path):
        raise CheckpointError(
            f"the reference brain {image}, which the card of {path.name} names, is a link to a file outside its folder",
            hint="put the file itself beside the checkpoint, or leave it out of the card",
        )
    return image


def _lies_with(image: Path, checkpoint: Path) -> bool:
    """Whether what a name leads to lies in the checkpoint's folder, or where the checkpoint itself does.

    git-annex keeps every file of a tree as a link into its store, and download caches keep theirs side by side.
    """
    real, home = (Path(os.path.realpath(place)) for place in (image, checkpoint.parent))
    stores = (Path(os.path.realpath(folder / ".git" / "annex" / "objects")) for folder in (home, *home.parents))
    allowed = (home, Path(os.path.realpath(checkpoint)).parent, *stores)
    return any(real.is_relative_to(folder) for folder in allowed)
