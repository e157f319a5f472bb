"""How a network's images are made: what a data set, an index and a network must have in common."""

from __future__ import annotations

from collections.abc import Mapping

from wbtools.model.card import Card
from wbtools.text import lengths, line

_FIELDS = ("orientation", "intensity", "skull_stripped", "resampling")
"""Of a card, beside its shape."""


def preparation(card: Card) -> dict[str, object]:
    """How the images of a network are made, as its card says.

    Examples
    --------
    >>> preparation(Card("n", "n", "unet", (30, 36, 30)))["shape"]
    '30 x 36 x 30'
    """
    return {"shape": lengths(card.shape), **{name: getattr(card, name) for name in _FIELDS}}


def is_whole(made: Mapping[str, object]) -> bool:
    """Whether all is known of how images were made.

    Examples
    --------
    >>> is_whole(preparation(Card("n", "n", "unet"))), is_whole({"shape": "30 x 36 x 30"})
    (True, False)
    """
    return all(made.get(name) is not None for name in ("shape", *_FIELDS))


def differences(made: Mapping[str, object], card: Card) -> list[str]:
    """What of images was made otherwise than a network takes them, in words; empty if nothing is known to be.

    Examples
    --------
    >>> differences({"shape": "4 x 4 x 4"}, Card("n", "n", "unet", (30, 36, 30)))
    ['shape 4 x 4 x 4, not 30 x 36 x 30']
    """
    return [
        f"{name.replace('_', ' ')} {line(made[name], 90)}, not {line(wanted, 90)}"
        for name, wanted in preparation(card).items()
        if made.get(name) is not None and made[name] != wanted
    ]
