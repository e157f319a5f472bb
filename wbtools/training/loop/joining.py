"""Where a process finds the others that it trains with."""

from __future__ import annotations

from collections.abc import Mapping

from wbtools.training.loop.ranks import ALONE, Place, Ranks


def joined(environment: Mapping[str, str]) -> Ranks:
    """The processes that this environment is one of, connected.

    Parameters
    ----------
    environment : mapping of str to str

    Raises
    ------
    InputError
        If the environment is that of no process among several.
    TransientError
        If they do not find each other.
    """
    place = Place.told(environment)
    if place.world_size == 1:
        return ALONE
    from wbtools.training.loop.several import Several

    return Several(place)
