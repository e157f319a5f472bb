"""What is not the same in all exports of a folder, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from wbtools.reading.record import of_several
from wbtools.report.wall.declared import Declared
from wbtools.text import counted, line

_SHOWN = 5
_UNLIKE = "Distances between unlike maps say more of that than of people."


def usual_network(found: Sequence[Declared]) -> str:
    """The network that most exports are of; the first of several as frequent ones, empty without any."""
    counts = Counter(name for each in found for name in each.networks)
    return max(counts, key=lambda name: counts[name], default="")


def mixture(found: Sequence[Declared], network: str) -> tuple[str, ...]:
    """What is mixed, a sentence each.

    Parameters
    ----------
    found : sequence of Declared
    network : str
        The network that is shown.
    """
    shown = [each.networks[network] for each in found if network in each.networks]
    names = Counter(name for each in found for name in each.networks)
    networks = Counter(each.sha256[:12] for each in shown)
    methods = Counter(each.method for each in shown)
    versions = Counter(each.version for each in found)
    sentences = []
    if len(names) > 1:
        sentences.append(f"The exports are of {len(names)} networks: {_listed(names)}. {line(network, 60)} is shown.")
    if len(networks) > 1:
        sentences.append(
            f"What is called {line(network, 60)} is {len(networks)} networks, by the SHA-256 of their checkpoints: "
            f"{_listed(networks)}. {_UNLIKE}"
        )
    if len(methods) > 1:
        sentences.append(f"The maps are by {len(methods)} methods: {_listed(methods)}. {_UNLIKE}")
    if len(versions) > 1:
        sentences.append(f"The exports were written by {len(versions)} versions of wbtools: {_listed(versions)}.")
    return (*sentences, *_settings(found))


def common_notices(found: Sequence[Declared]) -> tuple[str, ...]:
    """The notices that all exports have, in the order of the first; of several people, in words for several."""
    if not found:
        return ()
    rest = [set(each.notices) for each in found[1:]]
    shared = (notice for notice in found[0].notices if all(notice in other for other in rest))
    return tuple(of_several(notice) if rest else notice for notice in shared)


def _settings(found: Sequence[Declared]) -> Iterable[str]:
    """Whether settings differ, and which."""
    kinds = {each.settings_sha256 for each in found}
    if len(kinds) < 2:
        return
    keys = sorted({key for each in found for key in each.settings})
    different = [key for key in keys if len({each.settings.get(key) for each in found}) > 1]
    what = ", ".join(line(key, 40) for key in different[:_SHOWN]) or "the files of networks or references"
    more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
    yield f"The exports were made with {len(kinds)} different settings; what differs: {what}{more}."


def _listed(counts: Counter[str]) -> str:
    """Names with numbers of exports, the most frequent first."""
    words = [f"{line(name, 60) or 'unnamed'} ({counted(n, 'export')})" for name, n in counts.most_common(_SHOWN)]
    return ", ".join(words) + (f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else "")
